//! Everything that can go wrong between a replica and its API server (R14, R15): each fault is injected while clients
//! ask and objects change. No request is lost, and in the end the configuration is that of a process that begins now.

use std::time::{Duration, Instant};

use viaduct_testkit::apiserver::{Matching, Order, Reply, Truncation};
use viaduct_testkit::http1;
use viaduct_testkit::viaduct::Running;
use viaduct_testkit::wait::{at_length, wait_equal, wait_until};

use super::{Cluster, READ, raw_data};
use crate::traffic::Traffic;

/// A process under load, whose API server is about to misbehave.
struct Scene {
    cluster: Cluster,
    running: Running,
    traffic: Traffic,
    markers: usize,
    _origin: viaduct_testkit::origin::Origin,
}

impl Scene {
    fn new() -> Self {
        let cluster = Cluster::new();
        let origin = cluster.bridge();
        let running = cluster.start();
        let traffic = Traffic::at(running.address("websecure"), &cluster.pki);
        traffic.pass(3);
        Self {
            cluster,
            running,
            traffic,
            markers: 0,
            _origin: origin,
        }
    }

    /// Changes an object; waits until the change is in force.
    #[track_caller]
    fn change(&mut self) {
        let host = self.alter();
        let seen = || raw_data(&self.running).to_string().contains(&host);
        wait_until(&format!("{host} to be in force"), seen);
        self.traffic.pass(2);
    }

    /// Changes an object.
    #[track_caller]
    fn alter(&mut self) -> String {
        self.markers += 1;
        let host = format!("marker-{}.test", self.markers);
        // Not with kubectl, which would suffer from the faults itself.
        self.cluster.server.apply(&Cluster::route("marker", &host).yaml());
        host
    }

    /// Lets every watch end, and every version be too old to go on from: nobody has seen the newest one when the others
    /// are forgotten.
    fn expire(&mut self) {
        self.cluster.server.faults().hold_events(true);
        self.alter();
        let faults = self.cluster.server.faults();
        faults.forget_history();
        faults.end_watches();
        faults.hold_events(false);
    }

    /// What the process holds open.
    fn descriptors(&mut self) -> usize {
        let directory = format!("/proc/{}/fd", self.running.child().id());
        std::fs::read_dir(directory).expect("its descriptors").count()
    }

    /// KiB of its own that it has in memory.
    fn resident(&mut self) -> u64 {
        let file = format!("/proc/{}/status", self.running.child().id());
        let text = std::fs::read_to_string(file).expect("its status");
        let field = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let number = field.and_then(|field| field.trim().strip_suffix(" kB"));
        number.and_then(|number| number.parse().ok()).expect("RssAnon")
    }

    /// No request was lost, and a process that begins now has the same configuration.
    #[track_caller]
    fn finish(self) {
        self.traffic.pass(5);
        self.traffic.finish();
        let fresh = self.cluster.start();
        let parts = |running: &Running| {
            let data = raw_data(running);
            ["routers", "middlewares", "services"].map(|part| data[part].to_string())
        };
        let wanted = parts(&fresh);
        wait_equal(&wanted, || parts(&self.running));
    }
}

#[test]
fn r15_410_gone_relists_each_kind_once() {
    for as_status in [false, true] {
        let mut scene = Scene::new();
        let lists = |resource: &&str| scene.cluster.server.lists(resource);
        let followed: Vec<_> = READ.into_iter().filter(|resource| lists(resource) > 0).collect();
        assert!(followed.len() >= READ.len() - 1, "{followed:?}");
        scene.cluster.server.clear_requests();
        let faults = scene.cluster.server.faults();
        faults.expired_as_status(as_status);
        scene.expire();
        for resource in &followed {
            wait_equal(&1, || scene.cluster.server.lists(resource));
        }
        scene.change();
        for resource in followed {
            let lists = scene.cluster.server.lists(resource);
            assert_eq!(lists, 1, "{resource}: expired as a status: {as_status}");
        }
        scene.finish();
    }
}

#[test]
fn r15_events_that_come_twice_late_or_backwards() {
    let mut scene = Scene::new();
    scene.cluster.server.faults().duplicate_events(true);
    for order in [Order::SwappedBetweenObjects, Order::Backwards] {
        let faults = scene.cluster.server.faults();
        faults.order(order);
        faults.hold_events(true);
        scene.alter();
        scene
            .cluster
            .server
            .apply(&Cluster::route("fleeting", "fleeting.test").yaml());
        scene.cluster.server.delete("ingressroutes", "web", "fleeting");
        scene.alter();
        scene.cluster.server.faults().hold_events(false);
        scene.change();
    }
    assert!(!raw_data(&scene.running).to_string().contains("fleeting"));
    scene.finish();
}

#[test]
fn r15_bookmarks_that_are_missing_or_stale() {
    let mut scene = Scene::new();
    scene.cluster.server.faults().drop_bookmarks(true);
    scene.change();
    scene.cluster.server.faults().drop_bookmarks(false);
    scene.cluster.server.faults().stale_bookmarks(Some(1));
    scene.cluster.server.faults().bookmark_now();
    scene.change();
    scene.cluster.server.faults().end_watches();
    scene.change();
    scene.finish();
}

#[test]
fn r15_json_that_is_cut_off() {
    let mut scene = Scene::new();
    for how in [Truncation::CleanEnd, Truncation::Broken, Truncation::CleanEnd] {
        scene.cluster.server.faults().truncate_next_event(how);
        scene.change();
    }
    assert_eq!(scene.cluster.server.faults().truncations_left(), 0);
    scene.finish();
}

#[test]
fn r15_connections_that_are_reset_again_and_again() {
    let mut scene = Scene::new();
    let before = scene.descriptors();
    scene
        .cluster
        .server
        .faults()
        .reset_every(Some(Duration::from_secs(1)));
    // What is needed once is there after a few.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(at_length(2, 60)) {
        scene.change();
    }
    let resident = scene.resident();
    while begun.elapsed() < Duration::from_secs(at_length(8, 600)) {
        scene.change();
    }
    let grown = scene.resident().saturating_sub(resident);
    assert!(grown < MOST_GROWN, "{grown} KiB more than {resident}");
    scene.cluster.server.faults().reset_every(None);
    scene.change();
    wait_until("the connections that were lost to be closed", || {
        scene.descriptors() <= before + 5
    });
    scene.finish();
}

#[test]
fn r14_answers_that_are_no_answers() {
    let mut scene = Scene::new();
    for reply in [
        Reply::InternalError,
        Reply::Unauthorized,
        Reply::Forbidden,
        Reply::Expired,
        Reply::TooManyRequests { retry_after: 1 },
        Reply::Html(502),
        Reply::Raw(200, "{\"kind\":".to_owned()),
        Reply::Reset,
    ] {
        // The kind that changes is looked at again at once, whatever it costs the others.
        let faults = scene.cluster.server.faults();
        faults.reply_next(
            1,
            Matching::of("watch", "ingressroutes.traefik.io"),
            reply.clone(),
        );
        if reply == Reply::Expired {
            faults.reply_next(
                2,
                Matching::of("list", "ingressroutes.traefik.io"),
                Reply::InternalError,
            );
        }
        faults.end_watches();
        wait_until(&format!("{reply:?} to be given"), || {
            scene.cluster.server.faults().replies_left() == 0
        });
        scene.change();
        scene.cluster.server.faults().clear_replies();
    }
    scene.finish();
}

#[test]
fn r14_a_server_that_asks_for_time_is_given_it() {
    let mut scene = Scene::new();
    scene.cluster.server.clear_requests();
    let busy = Reply::TooManyRequests { retry_after: 2 };
    scene
        .cluster
        .server
        .faults()
        .reply_next(1, Matching::of("watch", "ingressroutes.traefik.io"), busy);
    scene.cluster.server.faults().end_watches();
    scene
        .cluster
        .server
        .wait_request("a refusal", |request| request.status == 429);
    scene.change();
    let asked: Vec<_> = scene
        .cluster
        .server
        .requests()
        .into_iter()
        .filter(|request| request.verb == "watch" && request.resource == "ingressroutes.traefik.io")
        .collect();
    let refused = asked
        .iter()
        .position(|request| request.status == 429)
        .expect("a 429");
    let next = asked.get(refused + 1).expect("another watch");
    let waited = next.at.duration_since(asked[refused].at);
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
    scene.finish();
}

#[test]
fn r14_an_outage_keeps_everything_and_ends_soon_after_the_server_is_back() {
    let mut scene = Scene::new();
    scene.cluster.server.faults().stop();
    scene
        .running
        .child()
        .wait_line("cannot be followed: the last configuration stays in service");
    let enough = Instant::now() + Duration::from_secs(at_length(12, 600));
    loop {
        scene.traffic.pass(20);
        let ping = "GET /ping HTTP/1.1\r\nHost: p\r\nConnection: close\r\n\r\n";
        let ping = http1::once(scene.running.address("traefik"), ping);
        assert_eq!(ping.status, 200, "it stays ready");
        if Instant::now() >= enough {
            break;
        }
    }
    let host = scene.alter();
    scene.cluster.server.clear_requests();
    scene.cluster.server.faults().start_again();
    let back = Instant::now();
    wait_until("the change to be in force", || {
        raw_data(&scene.running).to_string().contains(&host)
    });
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    scene
        .running
        .child()
        .wait_line("resolved: the Kubernetes API server");
    for resource in READ {
        let lists = scene.cluster.server.lists(resource);
        assert!(lists <= 1, "{resource}: {lists} lists");
    }
    scene.finish();
}

#[test]
fn r15_a_relist_that_takes_long_takes_no_route_away() {
    let mut scene = Scene::new();
    let routes = "ingressroutes.traefik.io";
    scene.cluster.server.clear_requests();
    scene.cluster.server.faults().slow_lists(Duration::from_secs(1));
    scene.expire();
    scene.change();
    assert_eq!(scene.cluster.server.lists(routes), 1);
    scene.cluster.server.faults().slow_lists(Duration::ZERO);
    scene.finish();
}

/// KiB: half of what six hundred connections of 30 KiB each would hold.
const MOST_GROWN: u64 = 8 * 1024;
