use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;

use super::{Output, QUEUE, Rotation, Sink, Tap};
use crate::access_log::{AccessLog, Format, Options};

/// Collects what is written; each write first takes a permit.
struct Gate {
    permits: Receiver<()>,
    entered: SyncSender<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.entered.try_send(()).ok();
        // A closed gate is an open door.
        self.permits.recv().ok();
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn hand_over(tap: &Tap, text: &str) {
    tap.hand_over(&mut text.as_bytes().to_vec(), &mut 1);
}

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a11_2_a_slow_output_drops_lines_and_counts_them_but_never_blocks() {
    let (permit, permits) = sync_channel(0);
    let (entered, writing) = sync_channel(1);
    let written = Arc::new(Mutex::new(Vec::new()));
    let gate = Gate {
        permits,
        entered,
        written: Arc::clone(&written),
    };
    let sink = Sink::open("test-log", Output::Writer(Box::new(gate))).unwrap();
    let tap = sink.tap();

    hand_over(&tap, "first\n");
    writing.recv().unwrap(); // the writer is stuck in "first": the queue is empty
    (0..QUEUE).for_each(|_| hand_over(&tap, "queued\n"));
    assert_eq!(sink.dropped(), 0);
    hand_over(&tap, "one too many\n");
    assert_eq!(sink.dropped(), 1);

    drop((permit, tap));
    assert!(sink.finish(LONG));
    let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1 + QUEUE);
    assert!(!text.contains("one too many"));
}

#[test]
fn a1_6_reopening_writes_to_the_new_file_and_leaves_the_old_one_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("logs/access.log");
    let sink = Sink::open("test-log", Output::File(path.clone())).unwrap();
    let rotated = directory.path().join("access.log.1");

    std::fs::rename(&path, &rotated).unwrap();
    sink.reopen();
    let tap = sink.tap();
    hand_over(&tap, "after\n");
    drop(tap);
    assert!(sink.finish(LONG));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "after\n");
    assert_eq!(std::fs::read_to_string(&rotated).unwrap(), "");
}

#[test]
fn a11_2_an_ending_worker_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let sink = Sink::open("test-log", Output::File(path.clone())).unwrap();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let mut log = AccessLog::new(
                &sink,
                Options {
                    format: Format::Common,
                    ..Options::default()
                },
            );
            std::thread::spawn(move || {
                let headers = HeaderMap::new();
                (0..1_000).for_each(|count| log.write(&crate::record::tests::record(&headers, count)));
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    assert!(sink.finish(LONG));
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 4_000);
}

#[test]
fn a11_2_a_failed_write_does_not_join_two_lines() {
    struct Failing(Arc<Mutex<(u32, Vec<u8>)>>);
    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (calls, written) = &mut *self.0.lock().unwrap();
            *calls += 1;
            if *calls == 2 {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            let taken = if *calls == 1 { bytes.len() / 2 } else { bytes.len() };
            written.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let state = Arc::new(Mutex::new((0, Vec::new())));
    let sink = Sink::open("test-log", Output::Writer(Box::new(Failing(Arc::clone(&state))))).unwrap();
    let tap = sink.tap();
    hand_over(&tap, "half a line\n");
    hand_over(&tap, "whole\n");
    drop(tap);
    assert!(sink.finish(LONG));
    assert_eq!(
        String::from_utf8_lossy(&state.lock().unwrap().1),
        "half a\nwhole\n"
    );
}

#[test]
fn a11_2_a_file_that_cannot_be_opened_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = Sink::open("test-log", Output::File(directory.path().to_path_buf())).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&directory.path().display().to_string())
    );
}

#[test]
fn a11_1_flushing_waits_for_what_was_handed_over_and_no_longer_than_told() {
    let (permit, permits) = sync_channel(0);
    let (entered, writing) = sync_channel(1);
    let written = Arc::new(Mutex::new(Vec::new()));
    let gate = Gate {
        permits,
        entered,
        written: Arc::clone(&written),
    };
    let sink = Sink::open("test-log", Output::Writer(Box::new(gate))).unwrap();
    sink.lines().write_all(b"an event\n").unwrap();
    writing.recv().unwrap();
    assert!(!sink.flush(Duration::ZERO));
    drop(permit);
    assert!(sink.flush(LONG));
    assert_eq!(&*written.lock().unwrap(), b"an event\n");
}

#[test]
fn a11_1_a_large_file_is_rotated_and_the_old_ones_are_compressed_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traefik.log");
    std::fs::write(directory.path().join("traefik-notes.log"), "not ours").unwrap();
    let rotation = Rotation {
        max_size: 10,
        ..Rotation::default()
    };
    let sink = Sink::open("test-log", Output::Rotated(path.clone(), rotation)).unwrap();
    let tap = sink.tap();
    hand_over(&tap, "first one\n");
    hand_over(&tap, "second\n");
    drop(tap);
    assert!(sink.finish(LONG));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "second\n");

    // Older than what the sink has moved away.
    for year in ["2001", "2002"] {
        let old = format!("traefik-{year}-01-01T00-00-00.000.log");
        std::fs::write(directory.path().join(old), "old").unwrap();
    }
    let rotation = Rotation {
        max_backups: 2,
        compress: true,
        ..rotation
    };
    rotation.tidy(&path).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names.len(), 4, "{names:?}");
    assert_eq!(names[0], "traefik-2002-01-01T00-00-00.000.log.gz");
    assert_eq!(names[2..], ["traefik-notes.log", "traefik.log"]);
    let whole = std::fs::File::open(directory.path().join(&names[1])).unwrap();
    let text = io::read_to_string(flate2::read::GzDecoder::new(whole)).unwrap();
    assert_eq!(text, "first one\n");
}

#[test]
fn a11_1_no_line_is_lost_where_a_file_cannot_be_moved_away() {
    let directory = tempfile::tempdir().unwrap();
    // With the time in it the name would be longer than a file system takes.
    let path = directory.path().join(format!("{}.log", "x".repeat(240)));
    let rotation = Rotation {
        max_size: 10,
        ..Rotation::default()
    };
    let sink = Sink::open("test-log", Output::Rotated(path.clone(), rotation)).unwrap();
    let tap = sink.tap();
    for line in ["first one\n", "second one\n", "third one\n"] {
        hand_over(&tap, line);
    }
    drop(tap);
    assert_eq!(sink.dropped(), 0);
    assert!(sink.finish(LONG));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "first one\nsecond one\nthird one\n"
    );
}

#[test]
fn a11_1_a_file_that_somebody_has_removed_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traefik.log");
    let rotation = Rotation {
        max_size: 10,
        ..Rotation::default()
    };
    let sink = Sink::open("test-log", Output::Rotated(path.clone(), rotation)).unwrap();
    let tap = sink.tap();
    hand_over(&tap, "first one\n");
    assert!(sink.flush(LONG));
    std::fs::remove_file(&path).unwrap();
    hand_over(&tap, "second one\n");
    drop(tap);
    assert!(sink.finish(LONG));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "second one\n");
}
