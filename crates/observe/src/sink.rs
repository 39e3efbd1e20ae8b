//! The writer thread behind a log: file, reopen, standard output.
//!
//! Workers hand over whole batches of lines through a bounded queue and never wait: when the output is
//! slower than the traffic, batches are dropped and counted, and that is told. The access log of all
//! workers is one such sink, the program's own log another.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

mod rotation;
pub use rotation::Rotation;

#[cfg(test)]
mod tests;

/// Where lines go.
pub enum Output {
    Stdout,
    Stderr,
    /// Appended to; missing directories are made.
    File(PathBuf),
    /// As [`File`](Self::File), and rotated.
    Rotated(PathBuf, Rotation),
    /// Anything else, such as a view of the lines in the same process.
    Writer(Box<dyn Write + Send>),
}

/// The writer thread. Dropping it does not stop the thread; see [`Sink::finish`].
#[derive(Debug)]
pub struct Sink {
    sender: SyncSender<Message>,
    shared: Arc<Shared>,
    /// Hangs up when the thread has ended; nothing is ever sent.
    done: Receiver<()>,
}

impl Sink {
    /// `name` is the thread's, and the log's in messages about it: `access-log`.
    pub fn open(name: &'static str, output: Output) -> Result<Self, SinkError> {
        let output = Target::open(output)?;
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let (alive, done) = mpsc::sync_channel(0);
        let shared = Arc::new(Shared::default());
        let mut writer = Writer {
            name,
            output,
            shared: Arc::clone(&shared),
            torn: false,
            said: None,
        };
        thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                writer.run(&receiver);
                drop(alive);
            })
            .map_err(SinkError::Thread)?;
        Ok(Self { sender, shared, done })
    }

    pub(crate) fn tap(&self) -> Tap {
        Tap {
            sender: self.sender.clone(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// Closes the file and opens it again by its name, so that it can be rotated (SIGUSR1). Takes
    /// effect before the next line is written; does not wait.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        // A full queue wakes the writer as well.
        drop(self.sender.try_send(Message::Wake));
    }

    /// Lines lost because the output was too slow or failed.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// A way in for whole lines, one per write, such as the events of the program's own log.
    pub fn lines(&self) -> Lines {
        Lines { tap: self.tap() }
    }

    /// Waits until everything handed over so far is written. `false`: the time was over first.
    pub fn flush(&self, wait: Duration) -> bool {
        let deadline = Instant::now() + wait;
        let (written, flushed) = mpsc::sync_channel(1);
        push(&self.sender, Message::Flush(written), deadline).is_ok()
            && flushed
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
                .is_ok()
    }

    /// Ends the thread when everything handed over is written; call it when all [`AccessLog`](crate::AccessLog)s
    /// are gone. `false`: the time was over first.
    pub fn finish(self, wait: Duration) -> bool {
        drop(self.sender);
        !matches!(self.done.recv_timeout(wait), Err(RecvTimeoutError::Timeout))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error("cannot open the log file `{}`", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot start a log's thread")]
    Thread(#[source] io::Error),
}

/// One worker's way into the queue.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    sender: SyncSender<Message>,
    shared: Arc<Shared>,
}

impl Tap {
    /// Takes the buffer's contents and leaves an empty buffer. Never waits.
    pub(crate) fn hand_over(&self, buffer: &mut Vec<u8>, lines: &mut u32) {
        let batch = self.batch(buffer, lines);
        if let Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) =
            self.sender.try_send(Message::Batch(batch))
        {
            self.shared.lost(message);
        }
    }

    /// As [`Self::hand_over`], but waits up to [`EXIT_WAIT`] for a place in the queue.
    pub(crate) fn hand_over_at_exit(&self, buffer: &mut Vec<u8>, lines: &mut u32) {
        let message = Message::Batch(self.batch(buffer, lines));
        if let Err(message) = push(&self.sender, message, Instant::now() + EXIT_WAIT) {
            self.shared.lost(message);
        }
    }

    fn batch(&self, buffer: &mut Vec<u8>, lines: &mut u32) -> Batch {
        let empty = self
            .shared
            .spare
            .try_lock()
            .ok()
            .and_then(|mut spare| spare.pop());
        let bytes = std::mem::replace(buffer, empty.unwrap_or_default());
        Batch {
            bytes,
            lines: std::mem::take(lines),
        }
    }
}

/// Waits for a place in the queue, until the deadline; gives the message back when there was none.
fn push(queue: &SyncSender<Message>, mut message: Message, deadline: Instant) -> Result<(), Message> {
    loop {
        match queue.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(back)) if Instant::now() < deadline => {
                message = back;
                thread::park_timeout(Duration::from_millis(5));
            }
            Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => return Err(back),
        }
    }
}

/// Each write is one line, and never waits.
#[derive(Debug, Clone)]
pub struct Lines {
    tap: Tap,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.tap.hand_over(&mut line.to_vec(), &mut 1);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
enum Message {
    Batch(Batch),
    Wake,
    Flush(SyncSender<()>),
}

#[derive(Debug)]
struct Batch {
    bytes: Vec<u8>,
    lines: u32,
}

#[derive(Debug, Default)]
struct Shared {
    dropped: AtomicU64,
    reopen: AtomicBool,
    /// Empty buffers on their way back to the workers.
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Shared {
    fn lost(&self, message: Message) {
        if let Message::Batch(batch) = message {
            self.dropped.fetch_add(u64::from(batch.lines), Ordering::Relaxed);
        }
    }

    fn recycle(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        if let Ok(mut spare) = self.spare.try_lock()
            && spare.len() < SPARE
            && bytes.capacity() <= SPARE_BYTES
        {
            spare.push(bytes);
        }
    }
}

struct Writer {
    name: &'static str,
    output: Target,
    shared: Arc<Shared>,
    /// The last write stopped inside a line.
    torn: bool,
    /// When a loss was last reported, and how many lines had been lost by then.
    said: Option<(Instant, u64)>,
}

impl Writer {
    fn run(&mut self, receiver: &Receiver<Message>) {
        for message in receiver {
            if self.shared.reopen.swap(false, Ordering::Acquire) {
                self.reopen();
            }
            match message {
                Message::Batch(batch) => self.write(batch),
                Message::Wake => {}
                // Who asked may have stopped waiting.
                Message::Flush(written) => written.try_send(()).unwrap_or_default(),
            }
            self.report();
        }
    }

    fn write(&mut self, batch: Batch) {
        let mend: &[u8] = if self.torn { b"\n" } else { b"" };
        // Where it fails the file is too large, and no line is lost.
        if let Err(error) = self.output.make_room(batch.bytes.len() as u64) {
            tracing::error!(log = self.name, %error, "cannot rotate the log file: the open one grows on");
        }
        match self
            .output
            .write(mend)
            .and_then(|()| self.output.write(&batch.bytes))
        {
            Ok(()) => self.torn = false,
            Err(error) => {
                self.torn = true;
                self.shared
                    .dropped
                    .fetch_add(u64::from(batch.lines), Ordering::Relaxed);
                if self.due() {
                    tracing::error!(log = self.name, %error, "cannot write the log");
                }
            }
        }
        self.shared.recycle(batch.bytes);
    }

    fn reopen(&mut self) {
        match self.output.reopen() {
            Ok(()) => tracing::info!(log = self.name, "log file reopened"),
            Err(error) => {
                tracing::error!(log = self.name, %error, "cannot reopen the log file: the open one is kept")
            }
        }
    }

    fn report(&mut self) {
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        let told = self.said.map_or(0, |(_, told)| told);
        if dropped > told && self.due() {
            tracing::warn!(
                log = self.name,
                lines = dropped - told,
                "log lines were lost: the output is too slow or fails"
            );
            self.said = Some((Instant::now(), dropped));
        }
    }

    /// Whether a loss may be reported: at most every [`REPORT_EVERY`].
    fn due(&self) -> bool {
        self.said.is_none_or(|(when, _)| when.elapsed() >= REPORT_EVERY)
    }
}

/// An open [`Output`].
enum Target {
    Stdout,
    Stderr,
    File {
        path: PathBuf,
        file: File,
        rotation: Option<Rotation>,
        /// Bytes in the file.
        size: u64,
        /// A rotation failed: when it is tried again.
        rotate_after: Option<Instant>,
    },
    Writer(Box<dyn Write + Send>),
}

impl Target {
    fn open(output: Output) -> Result<Self, SinkError> {
        Ok(match output {
            Output::Stdout => Self::Stdout,
            Output::Stderr => Self::Stderr,
            Output::Writer(writer) => Self::Writer(writer),
            Output::File(path) => Self::file(path, None)?,
            Output::Rotated(path, rotation) => Self::file(path, Some(rotation))?,
        })
    }

    fn file(path: PathBuf, rotation: Option<Rotation>) -> Result<Self, SinkError> {
        let opened = append(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((size, file)) => Ok(Self::File {
                path,
                file,
                rotation,
                size,
                rotate_after: None,
            }),
            Err(source) => Err(SinkError::Open { path, source }),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(bytes)?;
                stdout.flush()
            }
            Self::Stderr => io::stderr().lock().write_all(bytes),
            Self::File { file, size, .. } => {
                *size += bytes.len() as u64;
                file.write_all(bytes)
            }
            Self::Writer(writer) => writer.write_all(bytes).and_then(|()| writer.flush()),
        }
    }

    /// Begins a new file when the present one has no room for so many bytes more. Whatever fails, a file is
    /// open afterwards; what failed is tried again after [`ROTATE_AGAIN`].
    fn make_room(&mut self, more: u64) -> io::Result<()> {
        let Self::File {
            path,
            file,
            rotation: Some(rotation),
            size,
            rotate_after,
        } = self
        else {
            return Ok(());
        };
        let has_room = *size == 0 || *size + more <= rotation.max_size;
        if has_room || rotate_after.is_some_and(|after| Instant::now() < after) {
            return Ok(());
        }
        *rotate_after = Some(Instant::now() + ROTATE_AGAIN);
        Rotation::move_away(path)?;
        *file = append(path)?;
        *size = 0;
        *rotate_after = None;
        rotation.tidy_aside(path)
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Self::File { path, file, size, .. } = self {
            *file = append(path)?;
            *size = file.metadata()?.len();
        }
        Ok(())
    }
}

/// Makes the directories that are missing, as Traefik does.
fn append(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    OpenOptions::new().append(true).create(true).open(path)
}

/// Batches that may wait for the writer: with the batch size, about 16 MiB.
const QUEUE: usize = 128;
/// Empty buffers kept for reuse, and the largest of them.
const SPARE: usize = 64;
const SPARE_BYTES: usize = 256 * 1024;
/// How long a worker that ends waits for a place in the queue.
const EXIT_WAIT: Duration = Duration::from_secs(2);
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// Between two attempts at a rotation that fails.
const ROTATE_AGAIN: Duration = Duration::from_secs(10);
