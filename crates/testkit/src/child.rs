//! A child process whose output is kept and which does not outlive its owner.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process, kill_process_group};

use crate::wait::PATIENCE;

/// A running process, the leader of its own group; the group is killed when this is dropped.
pub struct Child {
    name: String,
    process: std::process::Child,
    output: Arc<Output>,
}

/// What a process has written so far, standard output and standard error together, in lines.
#[derive(Default)]
struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    /// Of standard output alone.
    printed: Vec<String>,
    /// Pipes that are still open.
    open: usize,
}

impl Child {
    /// Starts `command`; its standard input is closed.
    pub fn spawn(command: &mut Command) -> Self {
        Self::start(command.stdin(Stdio::null()))
    }

    fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("starting {name}: {error}"));
        let output = Arc::new(Output::default());
        output.lock().open = 2;
        if let Some(stdout) = process.stdout.take() {
            output.gather(stdout, true);
        }
        if let Some(stderr) = process.stderr.take() {
            output.gather(stderr, false);
        }
        Self {
            name,
            process,
            output,
        }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// All output so far.
    pub fn output(&self) -> String {
        self.output.lock().lines.join("\n")
    }

    /// The first line, written before or after the call, of which `pick` makes something; `None` when
    /// the output ends or [`PATIENCE`] is over.
    pub fn find_line<T>(&self, mut pick: impl FnMut(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = 0;
        let mut state = self.output.lock();
        loop {
            let found = state.lines.iter().skip(seen).find_map(|line| pick(line));
            seen = state.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            if found.is_some() || state.open == 0 || left.is_zero() {
                return found;
            }
            state = self.output.wait(state, left);
        }
    }

    /// As [`Child::find_line`]; panics with all output when there is no such line.
    #[track_caller]
    pub fn wait_line(&self, wanted: &str) -> String {
        self.find_line(|line| line.contains(wanted).then(|| line.to_owned()))
            .unwrap_or_else(|| {
                panic!(
                    "{} did not write `{wanted}`; output:\n{}",
                    self.name,
                    self.output()
                )
            })
    }

    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = pid(self.process.id()) {
            // It may have ended already.
            kill_process(pid, signal).unwrap_or_default();
        }
    }

    /// The exit status, or `None` while it runs.
    pub fn try_exit(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("asking for an exit status")
    }

    /// Waits for the end; panics after `limit`.
    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let status = crate::wait::wait_at_most(limit, &format!("{} to end", self.name), || {
            self.process.try_wait().expect("asking for an exit status")
        });
        // The last lines are still on their way when the process is gone.
        let mut state = self.output.lock();
        let deadline = Instant::now() + Duration::from_secs(2);
        while state.open > 0 && Instant::now() < deadline {
            state = self.output.wait(state, Duration::from_millis(50));
        }
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(pid) = pid(self.process.id()) {
            kill_process_group(pid, Signal::KILL).unwrap_or_default();
        }
        // Reaped, whatever its status.
        self.process.wait().ok();
    }
}

/// Runs to the end with `input` on standard input; output and status.
pub fn run(command: &mut Command, input: &[u8]) -> Finished {
    let mut child = Child::start(command.stdin(Stdio::piped()));
    if let Some(mut stdin) = child.process.stdin.take() {
        // The program may end without reading.
        stdin.write_all(input).unwrap_or_default();
    }
    let status = child.wait_exit(2 * PATIENCE);
    let printed = child.output.lock().printed.join("\n");
    Finished {
        status,
        printed,
        output: child.output(),
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    /// Standard output alone: what spans lines is whole here.
    pub printed: String,
    /// Standard output and standard error together.
    pub output: String,
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, limit)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn gather(self: &Arc<Self>, pipe: impl Read + Send + 'static, is_stdout: bool) {
        let output = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n') {
                let Ok(line) = line else { break };
                let line = String::from_utf8_lossy(&line).into_owned();
                let mut state = output.lock();
                if is_stdout {
                    state.printed.push(line.clone());
                }
                state.lines.push(line);
                drop(state);
                output.changed.notify_all();
            }
            output.lock().open -= 1;
            output.changed.notify_all();
        });
    }
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}
