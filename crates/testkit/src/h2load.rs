//! h2load: load, and the count of what was lost under it.

use std::net::SocketAddr;
use std::process::Command;

use crate::child::Child;
use crate::tool::Tool;

/// What h2load counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub started: u64,
    pub succeeded: u64,
    /// Answers of any status.
    pub answered: u64,
    /// Answers with 2xx.
    pub ok: u64,
}

impl Tally {
    /// Whether every request that was started got a 2xx answer.
    pub fn lossless(self) -> bool {
        self.started > 0 && self.started == self.ok
    }
}

/// `arguments` (`-n`, `-c`, `--h1`, ...) sent to `https://HOST PATH` at an address, in the background.
pub struct Load(Child);

impl Load {
    #[track_caller]
    pub fn start(address: SocketAddr, host: &str, path: &str, arguments: &[&str]) -> Self {
        Self(Child::spawn(&mut command(address, host, path, arguments)))
    }

    /// Waits for its end.
    #[track_caller]
    pub fn finish(mut self) -> Tally {
        self.0.wait_exit(std::time::Duration::from_secs(120));
        tally(&self.0.output())
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_exit().is_none()
    }
}

fn command(address: SocketAddr, host: &str, path: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(Tool::H2load.path());
    command
        .args(arguments)
        .arg("--connect-to")
        .arg(address.to_string())
        .arg(format!("https://{host}:{}{path}", address.port()));
    command
}

/// From `requests: 10 total, 10 started, 10 done, 10 succeeded, ...` and `status codes: 10 2xx, ...`.
fn tally(output: &str) -> Tally {
    let number_before = |line: &str, word: &str| {
        let line = output.lines().find(|found| found.starts_with(line))?;
        let (before, _) = line.split_once(word)?;
        before.split_whitespace().next_back()?.parse().ok()
    };
    let read = || {
        Some(Tally {
            started: number_before("requests:", " started")?,
            succeeded: number_before("requests:", " succeeded")?,
            answered: [" 2xx", " 3xx", " 4xx", " 5xx"]
                .into_iter()
                .map(|class| number_before("status codes:", class))
                .sum::<Option<u64>>()?,
            ok: number_before("status codes:", " 2xx")?,
        })
    };
    read().unwrap_or_else(|| panic!("h2load said:\n{output}"))
}

#[cfg(test)]
mod tests {
    use super::{Tally, tally};

    #[test]
    fn the_summary_is_read() {
        let text = "requests: 10 total, 9 started, 9 done, 8 succeeded, 1 failed, 1 errored, 0 timeout\n\
                    status codes: 7 2xx, 0 3xx, 0 4xx, 1 5xx\n";
        assert_eq!(
            tally(text),
            Tally {
                started: 9,
                succeeded: 8,
                answered: 8,
                ok: 7
            }
        );
        assert!(!tally(text).lossless());
    }
}
