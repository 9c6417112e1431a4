//! Unguessable names and secrets.

const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// `length` letters and digits.
pub(crate) fn alphanumeric(length: usize) -> String {
    pick(ALPHANUMERIC, length)
}

/// An AWS-looking identifier: `prefix` and sixteen base 32 characters.
pub(crate) fn aws_id(prefix: &str) -> String {
    format!("{prefix}{}", pick(BASE32, 16))
}

/// Random bytes, for keys.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "a machine without entropy cannot run the stack"
    )]
    getrandom::fill(&mut bytes).expect("the operating system's random source answers");
    bytes
}

/// A random UUID.
pub(crate) fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn pick(alphabet: &[u8], length: usize) -> String {
    (0..length)
        .map(|_| {
            let index = u32::from_le_bytes(bytes()) as usize % alphabet.len();
            char::from(alphabet[index])
        })
        .collect()
}
