//! Chance, which a test may take out or repeat.

#[cfg(test)]
thread_local! {
    /// What numbers are drawn from on this thread.
    static DRAWN: std::cell::Cell<Option<fn() -> f64>> = const { std::cell::Cell::new(None) };
}

/// Numbers on this thread come from there.
#[cfg(test)]
pub(crate) fn draw_from(drawn: fn() -> f64) {
    DRAWN.set(Some(drawn));
}

/// Uniform over 0 to 1, from the system's generator.
pub(super) fn random() -> f64 {
    #[cfg(test)]
    if let Some(drawn) = DRAWN.get() {
        return drawn();
    }
    let bits = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(bits) / f64::from(u32::MAX)
}
