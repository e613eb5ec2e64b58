//! A body that must keep coming, and end in time.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::problem::Problem;
use crate::gateway::config::Limits;

/// What is still read of a refused body, so that the client is not cut off before it has read the
/// page that says why: more than socket buffers hold, longer than a slow circuit takes to bring the
/// page. A browser that has the page closes, and this ends.
const DRAIN_BYTES: u64 = 16 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// A body under three limits: its size; the time without a byte; and, after a grace, the average
/// rate, so that a byte now and then does not hold a place for ever.
pub(super) struct GuardedBody {
    body: Body,
    max_bytes: u64,
    stall: Duration,
    grace: Duration,
    bytes_per_second: u64,
    begun: Option<Instant>,
    received: u64,
}

impl GuardedBody {
    pub(super) fn new(body: Body, limits: &Limits) -> Self {
        Self {
            body,
            max_bytes: limits.max_tip_bytes,
            stall: Duration::from_secs(limits.stall_seconds.into()),
            grace: Duration::from_secs(limits.grace_seconds.into()),
            bytes_per_second: limits.min_bytes_per_second.max(1),
            begun: None,
            received: 0,
        }
    }

    /// The next bytes; None at the end. Time counts from the first call on.
    pub(super) async fn next_bytes(&mut self) -> Result<Option<Bytes>, Problem> {
        let now = Instant::now();
        let begun = *self.begun.get_or_insert(now);
        let stalled = now + self.stall;
        let too_slow = begun + self.grace.max(self.time_for_received());
        loop {
            let frame = timeout_at(stalled.min(too_slow), self.body.frame()).await;
            let Ok(frame) = frame else {
                return Err(if stalled < too_slow { Problem::Stalled } else { Problem::TooSlow });
            };
            let Some(frame) = frame else { return Ok(None) };
            // anything but data is trailers, which nobody asked for
            let Ok(data) = frame.map_err(|_| Problem::CutOff)?.into_data() else {
                continue;
            };
            self.received += u64::try_from(data.len()).unwrap_or(u64::MAX);
            if self.received > self.max_bytes {
                return Err(Problem::TooLarge);
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    /// The time in which what came must have come, at the least rate.
    fn time_for_received(&self) -> Duration {
        Duration::from_millis(self.received.saturating_mul(1000) / self.bytes_per_second)
    }

    /// Reads a little more in the background and throws it away; the connection then ends.
    pub(super) fn drain(mut self) {
        tokio::spawn(async move {
            let mut drained = 0;
            let drain = async {
                while let Some(Ok(frame)) = self.body.frame().await {
                    let data = frame.into_data().unwrap_or_default();
                    drained += u64::try_from(data.len()).unwrap_or(u64::MAX);
                    if drained > DRAIN_BYTES {
                        break;
                    }
                }
            };
            // out of time is as good as done
            let _ = timeout(DRAIN_TIME, drain).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::time::sleep;

    use super::*;
    use crate::gateway::intake::tests::limits;

    /// `count` pieces of `bytes` bytes, `pause` apart.
    fn dripping(count: usize, bytes: usize, pause: Duration) -> Body {
        Body::from_stream(stream::unfold(0, move |sent| async move {
            if sent == count {
                return None;
            }
            sleep(pause).await;
            Some((Ok::<_, std::io::Error>(Bytes::from(vec![7; bytes])), sent + 1))
        }))
    }

    async fn read(body: Body) -> (u64, Result<(), Problem>) {
        let mut body = GuardedBody::new(body, &limits());
        let end = loop {
            match body.next_bytes().await {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(problem) => break Err(problem),
            }
        };
        (body.received, end)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_in_time_is_read_to_its_end() {
        // a little over 512 bytes each second, and more than one second ahead after the grace
        let (received, end) = read(dripping(300, 550, Duration::from_secs(1))).await;
        assert_eq!((received, end), (300 * 550, Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dripping_body_is_ended_after_its_grace() {
        let begun = Instant::now();
        let (_, end) = read(dripping(100_000, 1, Duration::from_secs(1))).await;
        assert_eq!(end, Err(Problem::TooSlow));
        assert_eq!(begun.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_quick_before_may_not_drip_for_ever() {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![7; 512 * 100]))]);
        let drip = stream::unfold((), |()| async {
            sleep(Duration::from_secs(1)).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        });
        let begun = Instant::now();
        let (_, end) = read(Body::from_stream(stream::StreamExt::chain(first, drip))).await;
        assert_eq!(end, Err(Problem::TooSlow));
        assert_eq!(begun.elapsed().as_secs(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_body_is_ended() {
        let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![7; 512 * 300]))]);
        let body = Body::from_stream(stream::StreamExt::chain(first, stream::pending()));
        let begun = Instant::now();
        assert_eq!(read(body).await.1, Err(Problem::Stalled));
        assert_eq!(begun.elapsed().as_secs(), 60);
    }

    #[tokio::test]
    async fn a_body_is_never_larger_than_allowed() {
        let max = usize::try_from(limits().max_tip_bytes).unwrap();
        assert_eq!(read(Body::from(vec![7; max])).await.1, Ok(()));
        assert_eq!(read(Body::from(vec![7; max + 1])).await.1, Err(Problem::TooLarge));
    }
}
