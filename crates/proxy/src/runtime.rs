//! What hyper needs of the runtime: tasks on the worker's own thread.

use std::future::Future;

/// Spawns on the current worker; nothing needs to be `Send`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        drop(tokio::task::spawn_local(future));
    }
}
