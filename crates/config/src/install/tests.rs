//! The three sources and their mistakes.

use super::*;
use crate::duration::GoDuration;

fn flags(arguments: &[&str]) -> Result<Loaded, LoadError> {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    from_flags(&arguments)
}

fn environment(variables: &[(&str, &str)]) -> Option<Result<Loaded, LoadError>> {
    from_environment(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

#[track_caller]
fn install(loaded: Result<Loaded, LoadError>) -> Install {
    loaded.unwrap_or_else(|error| panic!("{error}")).install
}

/// Every fault with its hint, as one text.
#[track_caller]
fn refused(loaded: Result<Loaded, LoadError>) -> String {
    match loaded {
        Ok(loaded) => panic!("accepted: {loaded:?}"),
        Err(LoadError::Faults(faults)) => {
            let lines = faults.iter().map(|fault| match fault.why.hint() {
                Some(hint) => format!("{fault} -- {hint}"),
                None => fault.to_string(),
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        Err(error) => error.to_string(),
    }
}

const YAML: &str = r#"
x-ours: &nets ["10.0.0.0/8", "192.0.2.1"]
entryPoints:
  web:
    address: ":8080"
    forwardedHeaders: {trustedIPs: *nets}
  websecure:
    address: ":8443"
    asDefault: true
    http:
      tls: {options: modern}
    transport:
      respondingTimeouts: {readTimeout: 1m30s, idleTimeout: 20}
log: {level: debug}
accessLog: {}
serversTransport:
  rootCAs: [/ca.pem, /other.pem]
http: {routers: {r: {rule: "Host(`a`)"}}}
"#;

const TOML: &str = r#"
[entryPoints.web]
  address = ":8080"
  [entryPoints.web.forwardedHeaders]
    trustedIPs = ["10.0.0.0/8", "192.0.2.1"]
[entryPoints.websecure]
  address = ":8443"
  asDefault = true
  [entryPoints.websecure.http.tls]
    options = "modern"
  [entryPoints.websecure.transport.respondingTimeouts]
    readTimeout = "1m30s"
    idleTimeout = 20
[log]
  level = "DEBUG"
[accessLog]
[serversTransport]
  rootCAs = ["/ca.pem", "/other.pem"]
[http.routers.r]
  rule = "Host(`a`)"
"#;

const FLAGS: &[&str] = &[
    "--entrypoints.web.address=:8080",
    "--entryPoints.web.forwardedHeaders.trustedIPs=10.0.0.0/8",
    "--entrypoints.web.forwardedheaders.trustedips=192.0.2.1",
    "-entrypoints.WEBSECURE.address",
    ":8443",
    "--entryPoints.websecure.asDefault",
    "--entryPoints.websecure.http.tls",
    "--entryPoints.websecure.http.tls.options=modern",
    "--entryPoints.websecure.transport.respondingTimeouts.readTimeout=90s",
    "--entryPoints.websecure.transport.respondingTimeouts.idleTimeout=20",
    "--log.level=DEBUG",
    "--accesslog",
    "--serverstransport.rootcas=/ca.pem, /other.pem",
];

const VARIABLES: &[(&str, &str)] = &[
    ("PATH", "/bin"),
    ("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS", ":8080"),
    (
        "TRAEFIK_ENTRYPOINTS_WEB_FORWARDEDHEADERS_TRUSTEDIPS",
        "10.0.0.0/8,192.0.2.1",
    ),
    ("VIADUCT_ENTRYPOINTS_WEBSECURE_ADDRESS", ":8443"),
    ("TRAEFIK_ENTRYPOINTS_WEBSECURE_ADDRESS", ":1"),
    ("traefik_entrypoints_websecure_asdefault", "true"),
    ("TRAEFIK_ENTRYPOINTS_WEBSECURE_HTTP_TLS_OPTIONS", "modern"),
    (
        "TRAEFIK_ENTRYPOINTS_WEBSECURE_TRANSPORT_RESPONDINGTIMEOUTS_READTIMEOUT",
        "1m30s",
    ),
    (
        "TRAEFIK_ENTRYPOINTS_WEBSECURE_TRANSPORT_RESPONDINGTIMEOUTS_IDLETIMEOUT",
        "20",
    ),
    ("TRAEFIK_LOG_LEVEL", "debug"),
    ("TRAEFIK_ACCESSLOG", "true"),
    ("TRAEFIK_SERVERSTRANSPORT_ROOTCAS", "/ca.pem,/other.pem"),
    // What Kubernetes sets for services called `traefik` and `traefik-api`.
    ("TRAEFIK_SERVICE_HOST", "10.0.0.1"),
    ("TRAEFIK_PORT", "tcp://10.0.0.1:80"),
    ("TRAEFIK_API_SERVICE_HOST", "10.0.0.1"),
    ("TRAEFIK_API_PORT_8080_TCP_ADDR", "10.0.0.1"),
];

#[test]
fn a1_1_a1_2_a1_3_all_sources_say_the_same() {
    let yaml = install(from_file("traefik.yml", YAML));
    let websecure = yaml.entry_points.get("websecure").expect("websecure");
    assert_eq!(websecure.address, ":8443");
    assert!(websecure.as_default);
    assert_eq!(
        websecure.http.tls.as_ref().map(|tls| tls.options.as_str()),
        Some("modern")
    );
    let timeouts = &websecure.transport.responding_timeouts;
    assert_eq!(timeouts.read_timeout, GoDuration::from_secs(90));
    assert_eq!(timeouts.idle_timeout, GoDuration::from_secs(20));
    assert_eq!(yaml.log.as_ref().map(|log| log.level), Some(LogLevel::Debug));
    assert!(yaml.access_log.is_some() && yaml.api.is_none());
    let web = yaml.entry_points.get("web").expect("web");
    assert_eq!(web.forwarded_headers.trusted_ips, ["10.0.0.0/8", "192.0.2.1"]);
    assert_eq!(
        yaml.servers_transport.root_cas.as_deref(),
        Some(&["/ca.pem".to_owned(), "/other.pem".to_owned()][..])
    );

    assert_eq!(install(from_file("traefik.toml", TOML)), yaml);
    let mut by_flags = install(flags(FLAGS));
    // A name is spelled as it was first.
    let websecure = by_flags.entry_points.remove("WEBSECURE").expect("WEBSECURE");
    by_flags.entry_points.insert("websecure".to_owned(), websecure);
    assert_eq!(by_flags, yaml);
    assert_eq!(install(environment(VARIABLES).expect("options")), yaml);
}

#[test]
fn a1_3_an_environment_without_options_is_no_source() {
    let foreign = [
        ("PATH", "/bin"),
        ("TRAEFIK_", "x"),
        ("TRAEFIK_VERSION", "3.7"),
        ("TRAEFIK_SERVICE_PORT_WEB", "80"),
        ("VIADUCT_PORT_443_TCP_PROTO", "tcp"),
    ];
    assert!(environment(&foreign).is_none());
}

#[test]
fn a1_1_without_anything_the_defaults_are_those_of_traefik() {
    let install = defaults();
    let entry_points: Vec<_> = install
        .entry_points
        .iter()
        .map(|(name, point)| (name.as_str(), point.address.as_str()))
        .collect();
    assert_eq!(entry_points, [("http", ":80")]);
    assert_eq!(
        install.providers.providers_throttle_duration,
        GoDuration::from_secs(2)
    );
    assert_eq!(install.servers_transport.max_idle_conns_per_host, 200);
}

#[test]
fn a2_3_the_internal_entry_point_is_made_where_it_is_needed() {
    let names = |arguments: &[&str]| -> Vec<String> {
        install(flags(arguments))
            .entry_points
            .into_iter()
            .map(|(name, point)| format!("{name}={}", point.address))
            .collect()
    };
    assert_eq!(names(&["--ping"]), ["http=:80", "traefik=:8080"]);
    assert_eq!(names(&["--ping", "--ping.entrypoint=http"]), ["http=:80"]);
    assert_eq!(names(&["--ping", "--ping.manualrouting"]), ["http=:80"]);
    assert_eq!(names(&["--api"]), ["http=:80"]);
    assert_eq!(names(&["--api.insecure"]), ["http=:80", "traefik=:8080"]);
    assert_eq!(names(&["--metrics.prometheus"]), ["http=:80", "traefik=:8080"]);
    assert_eq!(
        names(&["--ping", "--entrypoints.traefik.address=:9000"]),
        ["traefik=:9000"]
    );
}

#[test]
fn a1_2_sections_are_switched_on_and_off() {
    let on = |arguments: &[&str]| install(flags(arguments)).api.is_some();
    assert!(on(&["--api"]) && on(&["--api=true"]) && on(&["--api.insecure=true"]));
    assert!(!on(&[]) && !on(&["--api=false"]) && !on(&["--api.insecure", "--api=false"]));
    for (text, expected) in [
        ("api: {}", true),
        ("api: true", true),
        ("api: false", false),
        ("api:", false),
    ] {
        let text = format!("log: {{}}\n{text}\n");
        assert_eq!(
            install(from_file("t.yml", &text)).api.is_some(),
            expected,
            "{text}"
        );
    }
    assert!(install(from_file("t.toml", "[api]\n")).api.is_some());
}

#[test]
fn a1_2_lists_of_sections_are_given_by_position() {
    let given = flags(&[
        "--entrypoints.web.address=:80",
        "--entrypoints.web.http.tls.domains[1].main=b.example",
        "--entrypoints.web.http.tls.domains[0].main=a.example",
        "--entrypoints.web.http.tls.domains[0].sans=x.example,y.example",
    ]);
    let variables = environment(&[
        ("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS", ":80"),
        ("TRAEFIK_ENTRYPOINTS_WEB_HTTP_TLS_DOMAINS_0_MAIN", "a.example"),
        (
            "TRAEFIK_ENTRYPOINTS_WEB_HTTP_TLS_DOMAINS_0_SANS",
            "x.example,y.example",
        ),
        ("TRAEFIK_ENTRYPOINTS_WEB_HTTP_TLS_DOMAINS_1_MAIN", "b.example"),
    ]);
    let domains = |loaded| {
        let install = install(loaded);
        let tls = install
            .entry_points
            .get("web")
            .and_then(|web| web.http.tls.clone());
        tls.map(|tls| tls.domains).unwrap_or_default()
    };
    let by_flags = domains(given);
    let main: Vec<_> = by_flags.iter().map(|domain| domain.main.as_str()).collect();
    assert_eq!(main, ["a.example", "b.example"]);
    assert_eq!(by_flags.first().map(|domain| domain.sans.len()), Some(2));
    assert_eq!(domains(variables.expect("options")), by_flags);
}

#[test]
fn a1_4_unknown_options_are_named_with_their_place_and_the_nearest_one() {
    let yaml = "entryPoints:\n  web:\n    adress: \":80\"\nentrypoint: {}\nnonsense: 1\n";
    assert_eq!(
        refused(from_file("traefik.yml", yaml)),
        "traefik.yml:3:5: unknown option `entryPoints.web.adress` -- did you mean `address`?\n\
         traefik.yml:4:1: unknown option `entrypoint` -- did you mean `entryPoints`?\n\
         traefik.yml:5:1: unknown option `nonsense`"
    );
    let toml = "[entryPoints.web]\n  adress = \":80\"\n";
    assert_eq!(
        refused(from_file("traefik.toml", toml)),
        "traefik.toml:2:3: unknown option `entryPoints.web.adress` -- did you mean `address`?"
    );
    assert_eq!(
        refused(flags(&["--entryPoints.web.adress=:80", "--foo"])),
        "--entryPoints.web.adress: unknown option -- did you mean `address`?\n--foo: unknown option"
    );
    assert_eq!(
        refused(environment(&[("TRAEFIK_ENTRYPOINT_WEB_ADDRESS", ":80")]).expect("an option")),
        "TRAEFIK_ENTRYPOINT_WEB_ADDRESS: unknown option -- did you mean `entryPoints`?"
    );
    let config_file = environment(&[("TRAEFIK_CONFIGFILE", "/t.yml")]).expect("an option");
    assert_eq!(refused(config_file), "TRAEFIK_CONFIGFILE: unknown option");
}

#[test]
fn a1_4_options_of_earlier_versions_say_what_replaces_them() {
    let text = "pilot: {token: x}\nexperimental: {http3: true}\ntracing: {jaeger: {}}\nentryPoints:\n  web: {address: ':80', redirect: {}}\n";
    assert_eq!(
        refused(from_file("t.yml", text)),
        "t.yml:1:1: option `pilot` is gone since Traefik v3 -- Traefik Pilot does not exist any more: remove the section\n\
         t.yml:2:16: option `experimental.http3` is gone since Traefik v3 -- HTTP/3 is switched on by `entryPoints.<name>.http3`\n\
         t.yml:3:11: option `tracing.jaeger` is gone since Traefik v3 -- use `tracing.otlp`, with a collector that speaks to it\n\
         t.yml:5:25: option `entryPoints.web.redirect` is gone since Traefik v3 -- use `entryPoints.<name>.http.redirections.entryPoint`"
    );
}

#[test]
fn a1_12_what_must_not_be_ignored_is_refused_and_defaults_never_are() {
    let told = refused(flags(&[
        "--providers.docker",
        "--providers.docker.network=x",
        "--spiffe.workloadapiaddr=unix:///s",
    ]));
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "one line a section:\n{told}");
    assert!(told.contains("--providers.docker: option is refused: "), "{told}");
    assert!(
        told.contains("--spiffe.workloadapiaddr: option is refused: "),
        "{told}"
    );
    let defaults = flags(&[
        "--providers.docker=false",
        "--serverstransport.spiffe=false",
        "--global.checknewversion=true",
    ]);
    let loaded = defaults.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.notes, []);
}

/// What Traefik's Helm chart starts it with.
const CHART: &[&str] = &[
    "--global.checkNewVersion",
    "--entryPoints.metrics.address=:9100/tcp",
    "--entryPoints.traefik.address=:8080/tcp",
    "--entryPoints.web.address=:8000/tcp",
    "--entryPoints.websecure.address=:8443/tcp",
    "--api.dashboard=true",
    "--ping=true",
    "--metrics.prometheus=true",
    "--metrics.prometheus.entrypoint=metrics",
    "--entryPoints.websecure.http.tls=true",
    "--log.level=INFO",
];

#[test]
fn a1_2_the_arguments_of_the_helm_chart_are_understood() {
    let loaded = flags(CHART).unwrap_or_else(|error| panic!("{error}"));
    let names: Vec<_> = loaded.install.entry_points.keys().map(String::as_str).collect();
    assert_eq!(names, ["metrics", "traefik", "web", "websecure"]);
    assert!(
        loaded
            .install
            .api
            .is_some_and(|api| api.dashboard && !api.insecure)
    );
    let with_providers: Vec<&str> = CHART
        .iter()
        .copied()
        .chain([
            "--providers.kubernetescrd",
            "--providers.kubernetescrd.allowEmptyServices=true",
            "--providers.kubernetesingress",
            "--providers.kubernetesingress.ingressendpoint.publishedservice=traefik/traefik",
        ])
        .collect();
    let loaded = flags(&with_providers).unwrap_or_else(|error| panic!("{error}"));
    let providers = loaded.install.providers;
    assert!(
        providers
            .kubernetes_crd
            .is_some_and(|crd| crd.allow_empty_services)
    );
    let endpoint = providers
        .kubernetes_ingress
        .and_then(|ingress| ingress.ingress_endpoint);
    assert_eq!(
        endpoint.map(|endpoint| endpoint.published_service).as_deref(),
        Some("traefik/traefik")
    );
}

#[test]
fn a1_8_accepted_options_are_noted_once() {
    let text = "global:\n  sendAnonymousUsage: true\n  checkNewVersion: false\nexperimental:\n  fastProxy: {debug: true}\n";
    let loaded = from_file("t.yml", text).unwrap_or_else(|error| panic!("{error}"));
    let notes: Vec<String> = loaded
        .notes
        .iter()
        .map(|note| format!("{} {}", note.place, note.option))
        .collect();
    assert_eq!(
        notes,
        [
            "t.yml:2:3 global.sendAnonymousUsage",
            "t.yml:3:3 global.checkNewVersion",
            "t.yml:5:3 experimental.fastProxy"
        ]
    );
    assert!(loaded.install.global.send_anonymous_usage);
}

#[test]
fn a1_14_values_that_cannot_be_used_are_named() {
    let of = |text: &str| {
        refused(from_file(
            "t.yml",
            &format!("entryPoints:\n  web:\n    address: ':80'\n    {text}\n"),
        ))
    };
    let told = of("transport: {respondingTimeouts: {readTimeout: 5x}}");
    assert!(told.starts_with("t.yml:4:51: option `entryPoints.web.transport.respondingTimeouts.readTimeout`: `5x` is not a duration: the unit is unknown"), "{told}");
    let told = of("http2: {maxConcurrentStreams: many}");
    assert!(
        told.contains("`entryPoints.web.http2.maxConcurrentStreams`: ") && told.contains("a number"),
        "{told}"
    );
    let told = of("forwardedHeaders: {trustedIPs: [10.0.0.0/99]}");
    assert_eq!(
        told,
        "t.yml:4:36: option `entryPoints.web.forwardedHeaders.trustedIPs`: `10.0.0.0/99` is neither an address nor a CIDR range"
    );
    let told = refused(flags(&["--log.level=loud"]));
    assert_eq!(
        told,
        "--log.level: `loud` is none of `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR`, `FATAL`, `PANIC`"
    );
    let told = refused(from_file("t.yml", "entryPoints:\n  web: {}\n"));
    assert_eq!(
        told,
        "t.yml:2:8: option `entryPoints.web.address`: entry point `web` has no address: give one, such as `:443`"
    );
    let told = refused(flags(&["--api.basepath=x"]));
    assert_eq!(told, "--api.basepath: the path has to begin with `/`");
    assert_eq!(
        refused(from_file("t.yml", "log: loud\n")),
        "t.yml:1:6: option `log`: invalid type: text, expected a mapping"
    );
    assert_eq!(
        refused(from_file("t.yml", "accessLog: {fields: 1}\n")),
        "t.yml:1:13: option `accessLog.fields`: a section is expected, not a value"
    );
}

#[test]
fn a1_1_files_that_hold_no_configuration_are_refused() {
    assert_eq!(
        refused(from_file("t.yml", "# nothing\n")),
        "no configuration found in `t.yml`"
    );
    assert_eq!(
        refused(from_file("t.toml", "")),
        "no configuration found in `t.toml`"
    );
    assert!(
        refused(from_file("t.yml", "- a\n")).starts_with("t.yml:1:1: a configuration begins with a section")
    );
    assert!(refused(from_file("t.yml", "log: {}\n---\napi: {}\n")).contains("a second document"));
    assert_eq!(
        refused(from_file("t.yml", "log:\n  level: [\n")),
        "t.yml:3:1: a value is missing"
    );
    assert!(refused(from_file("t.toml", "[log\nlevel = 1\n")).starts_with("t.toml:1:5: "));
}

#[test]
fn a1_2_command_lines_that_are_none_are_refused() {
    assert_eq!(
        refused(flags(&["web"])),
        "`web` is not an option: options begin with `--`"
    );
    assert_eq!(
        refused(flags(&["--log.level"])),
        "`--log.level` needs a value: `--log.level=...`"
    );
    assert_eq!(
        refused(flags(&["--=x"])),
        "`--` is not written like an option: `--name=value`"
    );
    assert_eq!(
        refused(flags(&["--api", "--", "x"])),
        "`x` is not an option: options begin with `--`"
    );
    for arguments in [
        &["--api", "--ConfigFile=/t.yml"][..],
        &["-configFile", "/t.yml", "--api"],
    ] {
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        assert_eq!(
            take_flag(&arguments, "configfile"),
            (Some("/t.yml".to_owned()), vec!["--api".to_owned()])
        );
    }
}

#[test]
fn a1_15_secrets_are_in_no_output() {
    let key = "-----BEGIN EC PRIVATE KEY----- hush -----END EC PRIVATE KEY-----";
    let otlp = format!("{{headers: {{authorization: hush}}, tls: {{key: hush, cert: '{key}'}}}}");
    let both = format!("{{grpc: {otlp}, http: {otlp}}}");
    let mut install = install(from_file(
        "t.yml",
        &format!(
            "experimental: {{otlpLogs: true}}\nlog: {{otlp: {both}}}\naccessLog: {{otlp: {both}}}\ntracing: {{otlp: {both}}}\nmetrics: {{otlp: {both}, influxDB2: {{token: hush}}}}\n"
        ),
    ));
    install.providers.http = Some(HttpProvider {
        endpoint: "https://ann:hush@config.example/".to_owned(),
        headers: [("Authorization".to_owned(), crate::dynamic::Secret::new("hush"))].into(),
        tls: install
            .tracing
            .as_ref()
            .and_then(|tracing| match tracing.exporter() {
                Exporter::Grpc(grpc) => grpc.tls,
                Exporter::Http(http) => http.tls,
            }),
        ..HttpProvider::default()
    });
    let shown = crate::render::install(&install);
    assert!(!shown.contains("hush"), "{shown}");
    assert!(
        shown.contains("REDACTED") && shown.contains("config.example"),
        "{shown}"
    );
    install.providers.http = None;
    assert!(!format!("{install:?}").contains("hush"), "{install:?}");
}
