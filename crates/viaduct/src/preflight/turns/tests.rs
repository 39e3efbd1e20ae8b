//! Turns without handshakes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{AT_ONCE, Claim, OF_A_HOST, OF_A_TENANT, Turn, Turns, in_turn};

fn claim(tenant: &str, host: impl ToString) -> Claim {
    Claim {
        tenant: tenant.into(),
        host: host.to_string().into(),
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async { timeout(Duration::from_secs(30), test).await })
        .expect("a turn does not come");
}

/// All that are given a turn, which lasts until it is dropped; the others wait in the set.
fn wait(turns: &Arc<Turns>, claims: impl IntoIterator<Item = Claim>) -> (JoinSet<()>, mpsc::Receiver<Turn>) {
    let (taken, turn) = mpsc::channel(256);
    let mut waiting = JoinSet::new();
    for claim in claims {
        let (turns, taken) = (Arc::clone(turns), taken.clone());
        waiting.spawn(async move {
            let _over = taken.send(turns.take(claim).await).await;
        });
    }
    (waiting, turn)
}

async fn some(turns: &mut mpsc::Receiver<Turn>, count: usize) -> Vec<Turn> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(turns.recv().await.unwrap());
    }
    taken
}

fn running(turns: &Turns) -> usize {
    turns.lock().running.len()
}

#[test]
fn c11_silent_servers_of_one_tenant_leave_turns_to_the_others() {
    run(async {
        let turns = Arc::default();
        let (_waiting, mut silent) = wait(&turns, (0..200).map(|host| claim("a", host)));
        let held = some(&mut silent, OF_A_TENANT).await;
        assert_eq!(running(&turns), OF_A_TENANT);
        // None of those ends, and these come one after the other all the same.
        for host in 0..20 {
            drop(turns.take(claim("b", format!("b{host}"))).await);
        }
        assert_eq!((running(&turns), held.len()), (OF_A_TENANT, OF_A_TENANT));
    });
}

#[test]
fn c11_rounds_that_run_together_have_the_handshakes_of_one() {
    run(async {
        let turns = Arc::default();
        let began = Instant::now();
        let mut rounds: Vec<_> = ["a", "b", "c", "d"]
            .map(|tenant| {
                wait(
                    &turns,
                    (0..10).map(|host| claim(tenant, format!("{tenant}{host}"))),
                )
            })
            .into();
        let mut held = Vec::new();
        for (_, turn) in rounds.iter_mut().take(2) {
            held.extend(some(turn, OF_A_TENANT).await);
        }
        assert_eq!((running(&turns), held.len()), (AT_ONCE, AT_ONCE));
        assert!(began.elapsed() >= Duration::from_millis(20) * 15);
        drop(held);
        for (_, turn) in &mut rounds {
            drop(some(turn, 1).await);
        }
        assert!(running(&turns) <= AT_ONCE);
    });
}

#[test]
fn c11_one_host_is_not_asked_by_all_at_once() {
    run(async {
        let turns = Arc::default();
        let claims = ["a", "b", "c"].map(|tenant| claim(tenant, "one"));
        let (_waiting, mut turn) = wait(&turns, claims.into_iter().cycle().take(30));
        let held = some(&mut turn, OF_A_HOST).await;
        drop(turns.take(claim("a", "another")).await);
        assert_eq!((running(&turns), held.len()), (OF_A_HOST, OF_A_HOST));
    });
}

#[test]
fn c11_a_round_that_is_dropped_leaves_nothing_behind() {
    run(async {
        let turns = Arc::default();
        let (waiting, mut turn) = wait(&turns, (0..200).map(|host| claim("a", host)));
        let held = some(&mut turn, OF_A_TENANT).await;
        let mut waiting = waiting;
        waiting.shutdown().await;
        drop((held, turn));
        drop(turns.take(claim("b", "b")).await);
        drop(turns.take(claim("b", "b")).await);
        let state = turns.lock();
        assert!(state.running.is_empty() && !state.waiting.contains_key("a"));
        assert!(state.order.len() <= 1);
    });
}

#[test]
fn c11_each_tenant_has_its_first_before_any_has_its_second() {
    let items = vec![("a", 1), ("a", 2), ("a", 3), ("b", 1), ("c", 1), ("c", 2)];
    assert_eq!(
        in_turn(items, |(tenant, _)| (*tenant).into()),
        [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("c", 2), ("a", 3)]
    );
}
