//! `providers.providersThrottleDuration`: a provider's changes are handed over at once, but not faster than
//! that; of what came in the meantime the latest counts.

use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Instant, sleep_until};

/// Passes updates on, or groups of them, until either end closes.
pub async fn throttled<T>(mut from: Receiver<T>, to: Sender<T>, pause: Duration) {
    let mut next = from.recv().await;
    while let Some(update) = next.take() {
        if to.send(update).await.is_err() {
            return;
        }
        let until = Instant::now() + pause;
        // Taken while waiting, so that the provider never waits for us.
        loop {
            tokio::select! {
                () = sleep_until(until) => break,
                update = from.recv() => match update {
                    Some(update) => next = Some(update),
                    // What it said last is still to be handed over.
                    None => break,
                },
                () = to.closed() => return,
            }
        }
        if next.is_none() {
            next = tokio::select! {
                update = from.recv() => update,
                () = to.closed() => return,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{channel, error::TryRecvError};
    use viaduct_config::{Dynamic, ProviderName, Update};

    use super::*;

    fn update(note: &str) -> Update {
        let mut update = Update::new(ProviderName::new("file"), Dynamic::default());
        update
            .dynamic
            .http
            .routers
            .insert(note.to_owned(), viaduct_config::dynamic::http::Router::default());
        update
    }

    fn name(update: &Update) -> &str {
        update
            .dynamic
            .http
            .routers
            .keys()
            .next()
            .map_or("", String::as_str)
    }

    #[tokio::test(start_paused = true)]
    async fn a10_4_changes_are_passed_on_at_once_and_then_no_faster_than_the_pause() {
        let (provider, from) = channel(1);
        let (to, mut control) = channel(1);
        tokio::spawn(throttled(from, to, Duration::from_secs(2)));
        let begin = Instant::now();
        provider.send(update("a")).await.unwrap();
        assert_eq!(name(&control.recv().await.unwrap()), "a");
        assert_eq!(begin.elapsed(), Duration::ZERO, "the first one does not wait");
        for name in ["b", "c", "d"] {
            provider.send(update(name)).await.unwrap();
        }
        assert!(matches!(control.try_recv(), Err(TryRecvError::Empty)));
        assert_eq!(name(&control.recv().await.unwrap()), "d", "the latest counts");
        assert_eq!(begin.elapsed(), Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(60)).await;
        let quiet = Instant::now();
        provider.send(update("e")).await.unwrap();
        assert_eq!(name(&control.recv().await.unwrap()), "e");
        assert_eq!(quiet.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a10_4_what_a_provider_said_last_is_not_lost() {
        let (provider, from) = channel(2);
        let (to, mut control) = channel(2);
        tokio::spawn(throttled(from, to, Duration::from_secs(2)));
        provider.send(update("a")).await.unwrap();
        provider.send(update("b")).await.unwrap();
        drop(provider);
        assert_eq!(name(&control.recv().await.unwrap()), "a");
        assert_eq!(name(&control.recv().await.unwrap()), "b");
        assert!(control.recv().await.is_none());
    }
}
