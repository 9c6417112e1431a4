//! Chance, which a test may take out.

/// Uniform over 0 to 1, from the system's generator.
pub(super) fn random() -> f64 {
    #[cfg(test)]
    if let Some(fixed) = super::FIXED.get() {
        return fixed;
    }
    let bits = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(bits) / f64::from(u32::MAX)
}
