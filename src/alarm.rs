//! One timer for a deadline that moves.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is set when it is first waited for. To put its time off costs nothing: it is set anew when it goes off.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Set>);

#[derive(Debug)]
struct Set {
    sleep: Pin<Box<Sleep>>,
    /// Who will be woken.
    waker: Waker,
}

impl Alarm {
    /// Ready when this time has come, or has gone by.
    pub(crate) fn poll(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let set = match &mut self.0 {
            Some(set) if at >= set.sleep.deadline() && !set.sleep.is_elapsed() && set.waker.will_wake(cx.waker()) => {
                return Poll::Pending;
            }
            Some(set) => {
                set.waker.clone_from(cx.waker());
                set
            }
            unset => unset.insert(Set { sleep: Box::pin(sleep_until(at)), waker: cx.waker().clone() }),
        };
        let sleep = &mut set.sleep;
        if at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_at_the_time_that_was_asked_for_last() {
        let begin = Instant::now();
        let mut alarm = Alarm::default();
        let mut asked = |seconds: &[u64]| {
            for seconds in seconds {
                let at = begin + Duration::from_secs(*seconds);
                if alarm.poll(at, &mut Context::from_waker(std::task::Waker::noop())).is_ready() {
                    return Some(*seconds);
                }
            }
            None
        };
        assert_eq!(asked(&[10, 20, 15]), None);
        poll_fn(|cx| alarm.poll(begin + Duration::from_secs(15), cx)).await;
        assert_eq!(begin.elapsed().as_secs(), 15);
        poll_fn(|cx| alarm.poll(begin + Duration::from_secs(12), cx)).await;
        poll_fn(|cx| alarm.poll(begin + Duration::from_secs(40), cx)).await;
        assert_eq!(begin.elapsed().as_secs(), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_whoever_asked_last() {
        let at = Instant::now() + Duration::from_secs(1);
        let mut alarm = Alarm::default();
        for _ in 0..2 {
            assert!(alarm.poll(at, &mut Context::from_waker(Waker::noop())).is_pending());
        }
        let mut task = tokio_test::task::spawn(());
        assert!(task.enter(|cx, _| alarm.poll(at, cx)).is_pending());
        assert!(task.enter(|cx, _| alarm.poll(at, cx)).is_pending());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(task.is_woken());
        assert!(task.enter(|cx, _| alarm.poll(at, cx)).is_ready());
    }
}
