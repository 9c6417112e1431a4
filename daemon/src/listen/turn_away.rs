//! Telling somebody who is not served why, at no cost to those who are: a few
//! at a time, for a moment, apart from the slots of the listener.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// How many are told at a time; further ones are hung up on.
const AT_A_TIME: usize = 8;

/// How long one may take to ask, to be told and to hang up.
const MOMENT: Duration = Duration::from_secs(3);

/// The most that is read of what they ask, in bytes.
const MOST: usize = 16 * 1024;

/// One answer to whatever is asked.
#[derive(Clone, Debug)]
pub struct TurnAway {
    answer: Arc<[u8]>,
    slots: Arc<Semaphore>,
}

impl TurnAway {
    /// With these bytes: a whole answer of HTTP/1.1.
    pub fn with(answer: Vec<u8>) -> Self {
        Self {
            answer: answer.into(),
            slots: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    /// How many more can be told now.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        self.slots.available_permits()
    }

    /// Tells it, in a task of its own. Needs a tokio runtime.
    pub(super) fn tell(&self, stream: TcpStream) {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            return;
        };
        let answer = Arc::clone(&self.answer);
        tokio::spawn(async move {
            let _slot = slot;
            // Whoever does not listen is not told.
            let _ = tokio::time::timeout(MOMENT, tell(stream, &answer)).await;
        });
    }
}

async fn tell(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let mut asked = Vec::new();
    let mut part = [0; 1024];
    while asked.len() < MOST && !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part).await? {
            0 => break,
            length => asked.extend_from_slice(&part[..length]),
        }
    }
    stream.write_all(answer).await?;
    stream.shutdown().await?;
    // Hanging up with something unread could take the answer back.
    while stream.read(&mut part).await? > 0 {}
    Ok(())
}
