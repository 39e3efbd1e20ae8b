//! What edits may not do: take a protection away, change what is served, or break a file. Each of these was once done.

mod fixture;

use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime};

use fixture::{checked, checked_at};
use viaduct_check::report::{Format, write, write_mended};
use viaduct_check::{Mended, Report, Sources, Text, Which, mend};
use viaduct_testkit::pki::{Ca, Issued, Leaf, Usage};

fn look(sources: &Sources) -> Report {
    checked_at(sources, SystemTime::now())
}

fn texts(files: &[(&str, &str)]) -> Vec<Text> {
    files.iter().map(|(name, text)| Text::new(*name, *text)).collect()
}

fn mended(which: Which, files: &[(&str, &str)]) -> Mended {
    let Ok(mended) = mend(texts(files), which, |sources| Ok::<_, Infallible>(look(sources)));
    mended
}

/// The first text afterwards.
fn fixed(which: Which, text: &str) -> String {
    mended(which, &[("a.yaml", text)]).texts[0].text.clone()
}

fn codes(text: &str) -> Vec<&'static str> {
    codes_of(&Sources::new([Text::new("a.yaml", text)]))
}

fn codes_of(sources: &Sources) -> Vec<&'static str> {
    let report = look(sources);
    report
        .diagnostics
        .iter()
        .map(|one| one.diagnosis.code())
        .collect()
}

const ROUTE: &str = "\
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata:
  name: app
  namespace: web
spec:
  entryPoints:
  - websecure
  routes:
  - match: Host(`app.example.com`)
    services:
    - name: backend
      port: 443
  tls:
    secretName: front
    options:
      name: mtls
";

const OPTION: &str = "\
---
apiVersion: traefik.io/v1alpha1
kind: TLSOption
metadata:
  name: mtls
  namespace: web
spec:
  minVersion: VersionTLS12
  clientAuth:
    clientAuthType: RequireAndVerifyClientCert
    secretNames:
    - guard
";

const SERVICE: &str = "\
---
apiVersion: v1
kind: Service
metadata:
  name: backend
  namespace: web
spec:
  selector:
    app: backend
  ports:
  - name: p
    port: 443
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: backend
  namespace: web
spec:
  template:
    metadata:
      labels:
        app: backend
    spec:
      volumes:
      - name: tls
        secret:
          secretName: backend-tls
";

fn secret(name: &str, data: &[(&str, &str)]) -> String {
    let mut text = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {name}\n  namespace: web\nstringData:\n"
    );
    for (key, value) in data {
        text.push_str(&format!("  {key}: |\n"));
        value
            .lines()
            .for_each(|line| text.push_str(&format!("    {line}\n")));
    }
    text
}

fn pair(name: &str, issued: &Issued) -> String {
    secret(
        name,
        &[("tls.crt", &issued.chain_pem), ("tls.key", &issued.key_pem)],
    )
}

/// As tools write it: with the CA beside it.
fn pair_and_ca(name: &str, issued: &Issued, ca: &Ca) -> String {
    let data = [
        ("ca.crt", ca.pem()),
        ("tls.crt", &issued.chain_pem),
        ("tls.key", &issued.key_pem),
    ];
    secret(name, &data)
}

fn keeps_its_clients(why: &str, manifests: &str) {
    let after = fixed(Which::All, manifests);
    for line in ["options:\n", "name: mtls\n", "clientAuth:\n"] {
        let count = |text: &str| text.matches(line).count();
        assert_eq!(count(&after), count(manifests), "{why}: `{line}` of\n{after}");
    }
}

/// The server's own pair as the "CA" of clients: nobody has a certificate of it, so nobody is let in who was not before.
#[test]
fn c3_the_wrong_object_is_taken_away_where_it_lets_nobody_in() {
    let own = pair("guard", &Leaf::server("app.example.com").self_signed());
    let service = SERVICE.replace("secretName: backend-tls", "secretName: guard");
    let without_pods = SERVICE
        .split_once("---\napiVersion: apps")
        .expect("two objects")
        .0;
    for service in [without_pods, &service] {
        let after = fixed(Which::All, &format!("{ROUTE}{OPTION}{service}{own}"));
        assert!(
            !after.contains("options:") && !after.contains("clientAuth"),
            "{after}"
        );
        assert!(after.contains("serversTransport: backend-transport"), "{after}");
        assert!(after.contains("- secret: guard\n"), "{after}");
    }
    let ca = Ca::new("Backend CA");
    let own = pair_and_ca("guard", &ca.issue(Leaf::server("app.example.com")), &ca);
    let after = fixed(Which::All, &format!("{ROUTE}{OPTION}{service}{own}"));
    assert!(!after.contains("options:"), "{after}");
}

#[test]
fn c3_nobody_loses_client_authentication_on_a_guess() {
    let ca = Ca::new("Corporate CA");
    let server = ca.issue(Leaf::server("app.example.com"));
    let of_ca = secret("guard", &[("ca.crt", ca.pem())]);
    let backend = pair("backend-tls", &server);
    let all = format!("{ROUTE}{OPTION}{SERVICE}");
    keeps_its_clients("the CA is not there", &all);
    keeps_its_clients(
        "one CA for clients and servers",
        &format!("{all}{of_ca}{backend}"),
    );
    assert!(
        codes(&format!("{all}{of_ca}{backend}")).contains(&"V0201"),
        "it is told all the same"
    );
    let own = pair_and_ca("guard", &server, &ca);
    let client = pair("somebody", &ca.issue(Leaf::client("somebody")));
    keeps_its_clients(
        "it has signed a client's certificate",
        &format!("{all}{own}{client}"),
    );
    let pinned = pair("guard", &Leaf::client("somebody").self_signed());
    keeps_its_clients("a client's certificate that is pinned", &format!("{all}{pinned}"));
    let pinned = secret(
        "guard",
        &[(
            "tls.crt",
            &Leaf::bare(Usage::Absent)
                .common_name("somebody")
                .self_signed()
                .chain_pem,
        )],
    );
    keeps_its_clients(
        "a pinned certificate that does not say whose it is",
        &format!("{all}{pinned}"),
    );

    let server = Leaf::server("app.example.com").self_signed();
    let client = Leaf::client("somebody").self_signed();
    let (both, key) = (
        format!("{}{}", server.chain_pem, client.chain_pem),
        &server.key_pem,
    );
    let both = secret("guard", &[("tls.crt", &both), ("tls.key", key)]);
    keeps_its_clients("a client's certificate behind it", &format!("{all}{both}"));

    let own = pair("guard", &server);
    let two = all.replace("    - guard\n", "    - guard\n    - corp\n");
    keeps_its_clients("another CA beside it", &format!("{two}{own}{of_ca}"));
    for (why, other) in [
        (
            "an Ingress",
            "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: admin\n  namespace: web\n  annotations:\n    traefik.ingress.kubernetes.io/router.tls.options: web-mtls@kubernetescrd\nspec: {}\n",
        ),
        (
            "a router of the file provider",
            "---\nhttp:\n  routers:\n    admin:\n      rule: Host(`b.example.com`)\n      service: none\n      TLS: {Options: web-mtls@kubernetescrd}\n",
        ),
        (
            "an entry point",
            "---\nentryPoints:\n  websecure:\n    address: :443\n    http:\n      tls:\n        options: web-mtls@kubernetescrd\n",
        ),
        (
            "a route of TCP",
            "---\napiVersion: traefik.io/v1alpha1\nkind: IngressRouteTCP\nmetadata:\n  name: db\n  namespace: other\nspec:\n  routes: []\n  tls: {options: {name: mtls, namespace: web}}\n",
        ),
    ] {
        keeps_its_clients(why, &format!("{all}{own}{other}"));
    }
    let default = format!("{all}{own}").replace("name: mtls", "name: default");
    let after = fixed(Which::All, &default);
    assert!(
        after.contains("clientAuth") && after.contains("options:"),
        "{after}"
    );
    let routes = all.replace(
        "  tls:\n    secretName",
        "  - match: Host(`b.example.com`)\n    services:\n    - name: api@internal\n      kind: TraefikService\n  tls:\n    secretName",
    );
    keeps_its_clients("another route of the object", &format!("{routes}{own}"));
}

#[test]
fn c3_what_does_not_demand_certificates_or_leads_elsewhere_is_no_wrong_object() {
    let ca = Ca::new("Corporate CA");
    let all = format!(
        "{ROUTE}{OPTION}{SERVICE}{}",
        secret("guard", &[("ca.crt", ca.pem())])
    );
    assert!(codes(&all).contains(&"V0201"));
    for kind in ["VerifyClientCertIfGiven", "RequestClientCert", "NoClientCert"] {
        let lenient = all.replace("RequireAndVerifyClientCert", kind);
        assert!(!codes(&lenient).contains(&"V0201"), "{kind}");
    }
    let external = all.replace(
        "  selector:\n    app: backend\n",
        "  type: ExternalName\n  externalName: api.example.com\n",
    );
    let told = codes(&external);
    assert!(!told.contains(&"V0201") && !told.contains(&"V0307"), "{told:?}");
    assert_eq!(fixed(Which::All, &external), external);
    let file = "\
http:
  routers:
    app:
      rule: Host(`app.example.com`)
      service: app
      tls:
        options: mtls
  services:
    app:
      loadBalancer:
        servers:
        - url: https://api.example.com
tls:
  options:
    mtls:
      clientAuth:
        caFiles:
        - CA
        clientAuthType: RequireAndVerifyClientCert
";
    let pem: String = ca
        .pem()
        .lines()
        .map(|line| format!("          {line}\n"))
        .collect();
    let file = file.replace("- CA\n", &format!("- |\n{pem}"));
    assert_eq!(fixed(Which::All, &file), file);
    let private = file.replace("https://api.example.com", "https://10.0.0.1");
    assert!(codes(&private).contains(&"V0201"));
    let after = fixed(Which::All, &private);
    assert!(after.contains("options: mtls\n"), "{after}");
}

#[test]
fn c18_what_stands_behind_a_separator_with_a_comment_stays() {
    let before = format!("{ROUTE}---\nserversTransport: t\n");
    let behind = SERVICE.replacen("---\n", "--- # the Service\n", 1);
    let after = fixed(Which::All, &format!("{before}{behind}"));
    assert!(after.ends_with(&behind), "{after}");
    assert_eq!(after.matches("serversTransport: t\n").count(), 1, "{after}");
    assert!(
        after.contains("      port: 443\n      serversTransport: t\n"),
        "{after}"
    );
}

#[test]
fn c18_lines_that_stand_alone_are_not_taken_out_with_what_nobody_has_put_elsewhere() {
    for more in ["middlewares:\n- name: auth\n", "tls:\n  secretName: front\n"] {
        let text = format!("{ROUTE}---\nserversTransport: t\n{more}{SERVICE}");
        let after = fixed(Which::All, &text);
        assert!(after.contains(&format!("serversTransport: t\n{more}")), "{after}");
    }
}

#[test]
fn c18_white_space_that_is_none_of_yamls_is_a_text() {
    for blank in ['\u{3000}', '\u{a0}', '\u{2028}', '\u{85}'] {
        let route = ROUTE.replace("name: backend\n", &format!("name: {blank}\n"));
        for text in [
            format!("a: 1\n\n---\n{blank}\n"),
            route,
            format!("kind: {blank}{blank}"),
        ] {
            let mended = mended(Which::All, &[("a.yaml", &text)]);
            for format in [
                Format::Human { colours: true },
                Format::Json,
                Format::Sarif,
                Format::Github,
            ] {
                let told = write(&mended.report, &mended.sources, format);
                assert!(!told.is_empty() || mended.report.diagnostics.is_empty());
            }
        }
    }
}

#[test]
fn c4_a_certificate_under_one_of_several_routes_is_not_moved_unasked() {
    let route = |host: &str, more: &str| {
        format!("  - match: Host(`{host}`)\n    services:\n    - name: backend\n      port: 443\n{more}")
    };
    let head = ROUTE.split_once("  - match").expect("routes").0;
    let one = format!("{head}{}", route("a.example.com", "    secretName: front\n"));
    assert!(fixed(Which::Safe, &one).contains("\n  tls:\n    secretName: front\n"));
    let two = format!("{one}{}", route("b.example.com", ""));
    assert_eq!(fixed(Which::Safe, &two), two);
}

#[test]
fn c4_a_spelling_that_would_switch_verification_off_is_not_mended_unasked() {
    let text = |spelt: &str| {
        format!(
            "apiVersion: traefik.io/v1alpha1\nkind: ServersTransport\nmetadata:\n  name: t\n  namespace: web\nspec:\n  {spelt}\n"
        )
    };
    let weaker = text("insecureskipverify: true");
    assert_eq!(fixed(Which::Safe, &weaker), weaker);
    assert_eq!(fixed(Which::All, &weaker), text("insecureSkipVerify: true"));
    assert_eq!(fixed(Which::Safe, &text("servername: a")), text("serverName: a"));
}

/// A pair for clients with its CA beside it, as `cert-manager` writes it: the CA is the servers' as well.
#[test]
fn c5_a_pair_for_clients_is_not_taken_for_the_servers() {
    let ca = Ca::new("Backend CA");
    let route = ROUTE.replace(
        "      port: 443\n",
        "      port: 443\n      serversTransport: t\n",
    );
    let route = route.split_once("    options").expect("options").0;
    let transport = |more: &str| {
        format!(
            "---\napiVersion: traefik.io/v1alpha1\nkind: ServersTransport\nmetadata:\n  name: t\n  namespace: web\nspec:\n  serverName: backend.web.svc\n  rootCAs:\n  - secret: proxy\n{more}"
        )
    };
    let shown = transport("  certificatesSecrets:\n  - proxy\n");
    for (leaf, told) in [
        (Leaf::client("proxy"), &[][..]),
        (Leaf::client("proxy").dns("proxy.web.svc"), &[][..]),
        (Leaf::server("backend.web.svc"), &["V0301"][..]),
    ] {
        let proxy = pair_and_ca("proxy", &ca.issue(leaf), &ca);
        let text = format!("{route}{shown}{SERVICE}{proxy}");
        let found = codes(&text);
        let of_leg: Vec<_> = found.into_iter().filter(|code| code.starts_with("V03")).collect();
        assert_eq!(of_leg, told);
        let after = fixed(Which::All, &text);
        assert_eq!(after.contains("certificatesSecrets"), told.is_empty(), "{after}");
        // No name of the client's is what is expected of the server.
        let text = format!("{route}{}{SERVICE}{proxy}", transport(""));
        assert!(!codes(&text).contains(&"V0306"), "{:?}", codes(&text));
    }
    // For both: told, and nothing is done about it.
    let both = ca.issue(Leaf::bare(Usage::Absent).dns("proxy.web.svc"));
    let text = format!("{route}{shown}{SERVICE}{}", pair_and_ca("proxy", &both, &ca));
    assert!(codes(&text).contains(&"V0301"));
    assert!(fixed(Which::All, &text).contains("certificatesSecrets"));
}

#[test]
fn c18_a_text_that_ends_with_a_comment_sign_stays_whole() {
    let text = "\
apiVersion: v1
kind: Service
metadata:
  name: backend
  namespace: web
  annotations:
    traefik.ingress.kubernetes.io/service.serversscheme: https
    note: |
      keep
      # this line
spec:
  ports:
  - port: 443
    name: https
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: i
  namespace: web
spec:
  rules:
  - host: app.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: backend
            port:
              number: 443
---
apiVersion: traefik.io/v1alpha1
kind: ServersTransport
metadata:
  name: t
  namespace: web
spec:
  serverName: a.web.svc
";
    let after = fixed(Which::All, text);
    let added = "      # this line\n    traefik.ingress.kubernetes.io/service.serverstransport: web-t@kubernetescrd\nspec:\n";
    assert!(after.contains(added), "{after}");
}

#[test]
fn c18_every_block_of_an_article_is_read() {
    let article = "\
# a

```yaml
http:
  services:
    a:
      loadBalancer:
        servers:
        - url: http://127.0.0.1:1
```

Then:

```yaml
http:
  routers:
    a:
      rule: Host(`a`) &&
      service: nobody
  services:
    a:
      loadBalancer:
        servers:
        - url: http://127.0.0.1:1
        sticki: {}
```

```yaml
entryPoints:
  web:
    address: :80
```

```yaml
entryPoints:
  web:
    adress: :80
```
";
    let sources = Sources::new([Text::new("a.md", article)]);
    let report = look(&sources);
    let told: Vec<_> = report
        .diagnostics
        .iter()
        .map(|one| {
            let place = one.place.as_ref().expect("a place");
            (
                one.diagnosis.code(),
                article
                    .get(..place.start)
                    .map_or(0, |before| before.matches('\n').count() + 1),
                article.get(place.start..place.end).unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(told, [("V0112", 25, "sticki"), ("V0131", 37, "adress")]);
    let again = article.replace("        sticki: {}\n", "");
    let sources = Sources::new([Text::new("a.md", again)]);
    let codes = codes_of(&sources);
    assert!(codes.contains(&"V0121") && codes.contains(&"V0101"), "{codes:?}");
    assert!(
        !codes.contains(&"V0001") && !codes.contains(&"V0007"),
        "{codes:?}"
    );
}

#[test]
fn c18_what_is_in_braces_is_left_alone_and_not_counted() {
    let own = pair("proxy", &Leaf::server("a.web.svc").self_signed());
    let json = "\
{
  \"apiVersion\": \"traefik.io/v1alpha1\",
  \"kind\": \"ServersTransport\",
  \"metadata\": {
    \"name\": \"t\",
    \"namespace\": \"web\"
  },
  \"spec\": {
    \"serverName\": \"a.web.svc\",
    \"rootCAs\": [
      {
        \"secret\": \"proxy\"
      }
    ],
    \"certificatesSecrets\": [\"proxy\"]
  }
}
";
    let mended = mended(Which::All, &[("a.json", json), ("s.yaml", &own)]);
    assert_eq!(mended.texts[0].text, json);
    let codes: Vec<_> = mended
        .report
        .diagnostics
        .iter()
        .map(|one| one.diagnosis.code())
        .collect();
    assert!(codes.contains(&"V0301"), "{codes:?}");
    assert_eq!(mended.report.mendable(Which::All), 0);
    let twice = "apiVersion: traefik.io/v1alpha1\nkind: Middleware\nmetadata: {name: x, namespace: web}\nspec:\n  headers:\n    customRequestHeader: {a: b}\n    customRequestHeaders: {a: b}\n";
    let sources = Sources::new([Text::new("a.yaml", twice)]);
    let report = look(&sources);
    assert!(
        report
            .diagnostics
            .iter()
            .any(|one| one.diagnosis.code() == "V0112")
    );
    assert_eq!(report.mendable(Which::All), 0, "there is one of that name");
}

#[test]
fn c18_a_mapping_whose_only_entry_goes_is_empty_and_not_without_a_value() {
    let text = "apiVersion: traefik.io/v1alpha1\nkind: TLSOption\nmetadata:\n  name: o\n  namespace: web\nspec:\n  cipherSuites: [\"...\"]\n";
    let after = fixed(Which::All, text);
    assert!(after.ends_with("\nspec: {}\n"), "{after}");
}

#[test]
fn c18_dots_are_told_where_they_mean_nothing() {
    let text = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: app
  namespace: web
data:
  NAME: |
    class Base:
        ...
";
    for (name, told) in [
        ("app.py", false),
        ("notes.txt", false),
        ("a.yaml", false),
        ("nginx.conf", true),
    ] {
        let found = codes(&text.replace("NAME", name));
        assert_eq!(found.contains(&"V0010"), told, "{name}: {found:?}");
    }
}

#[test]
fn c18_what_may_be_a_clusters_is_put_into_no_namespace() {
    let text = "\
apiVersion: v1
kind: Service
metadata:
  name: a
  namespace: web
spec: {ports: [{port: 80}]}
---
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata:
  name: p
spec: {}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata:
  name: p
handler: x
";
    assert_eq!(fixed(Which::All, text), text);
    let service = text.replace("ClusterSecretStore", "ServiceAccount");
    assert!(codes(&service).contains(&"V0009"));
}

#[test]
fn c18_files_of_other_programs_are_no_lines_of_a_route() {
    for text in [
        "{\"version\": 2, \"routes\": [{\"src\": \"/a\", \"dest\": \"/b\"}]}\n",
        "{\"routes\": [{\"src\": \"/a\", \"dest\": \"/b\"}]}\n",
        "image: docker\nservices:\n- docker:dind\nbuild:\n  script: [make]\n",
        "services:\n- docker:dind\n",
    ] {
        assert_eq!(codes(text), ["V0002"], "{text}");
    }
    assert_eq!(codes("services:\n- name: a\n  port: 80\n"), ["V0003"]);
    assert_eq!(codes("routes:\n- match: Host(`a`)\n"), ["V0003"]);
}

#[test]
fn c18_a_difference_is_one_that_patch_takes() {
    let text = "apiVersion: traefik.containo.us/v1alpha1\r\nkind: TLSOption\r\nmetadata: {name: a, namespace: web}\r\nspec: {}";
    let mended_text = mended(Which::All, &[("a.yaml", text)]);
    let shown = write_mended(&mended_text, true, Format::Human { colours: false });
    let hunk = "--- a.yaml\n+++ a.yaml\n@@ -1,1 +1,1 @@\n-apiVersion: traefik.containo.us/v1alpha1\r\n+apiVersion: traefik.io/v1alpha1\r\n";
    assert!(shown.contains(hunk), "{shown}");
    let text = "kind: TLSOption\nmetadata: {name: a, namespace: web}\nspec: {}\t# a\tb";
    let mended_text = mended(Which::All, &[("a.yaml", text)]);
    let shown = write_mended(&mended_text, true, Format::Human { colours: false });
    assert!(
        shown.contains("@@ -0,0 +1,1 @@\n+apiVersion: traefik.io/v1alpha1\n"),
        "{shown}"
    );
    let last = "apiVersion: traefik.io/v1alpha1\nkind: TLSOption\nmetadata: {name: a, namespace: web}\nspec:\n  minversion: VersionTLS13 #\tx";
    let mended_text = mended(Which::All, &[("a.yaml", last)]);
    let shown = write_mended(&mended_text, true, Format::Human { colours: false });
    let end = "\n\\ No newline at end of file\n";
    let hunk = format!("-  minversion: VersionTLS13 #\tx{end}+  minVersion: VersionTLS13 #\tx{end}");
    assert!(shown.contains(&hunk), "{shown}");
}

#[test]
fn c18_nothing_that_an_alias_shares_is_edited() {
    let text = "\
apiVersion: v1
kind: List
items:
- apiVersion: traefik.io/v1alpha1
  kind: ServersTransport
  metadata: {name: x, namespace: web}
  spec:
    rootCAsSecrets: &l
    - a
- apiVersion: traefik.io/v1alpha1
  kind: ServersTransport
  metadata: {name: y, namespace: web}
  spec:
    rootCAsSecrets: *l
";
    assert_eq!(fixed(Which::All, text), text);
    let alone =
        text.split_once("- apiVersion: traefik.io/v1alpha1\n  kind: ServersTransport\n  metadata: {name: y");
    let alone = alone.expect("two objects").0;
    assert!(fixed(Which::All, alone).contains("rootCAs: &l\n    - secret: a\n"));
}

/// In every style, in excerpts, proposals, differences and edits.
#[test]
fn r24_no_format_shows_what_is_secret_in_any_style() {
    for (name, text) in [
        (
            "a.yaml",
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata:\n    name: web\n  data:\n    tls.key: hunter2\n  dta: {}\n",
        ),
        (
            "a.json",
            "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"tls.key\":\"hunter2!!\",\"x\":\"hunter2\"},\"metadata\":{\"name\":\"a\"}}",
        ),
        (
            "a.yaml",
            "apiVersion: traefik.io/v1alpha1\nkind: Middleware\nmetadata: {name: x, namespace: web}\nspec:\n  headers:\n    customRequestHeader: {Authorization: \"Bearer hunter2\"}\n",
        ),
        (
            "a.yaml",
            "http:\n  middlewares:\n    a:\n      digestAuth:\n        user: [\"test:traefik:hunter2\"]\n",
        ),
        (
            "a.yaml",
            "providers:\n  redis:\n    endpoints:\n    - 127.0.0.1:6379\n    pasword: hunter2\nentryPoints:\n  web:\n    address: :80\n",
        ),
    ] {
        let sources = Sources::new([Text::new(name, text)]);
        let report = look(&sources);
        let told = write(&report, &sources, Format::Json);
        assert!(told.contains(name), "{told}");
        let all = mended(Which::All, &[(name, text)]);
        for format in [
            Format::Human { colours: false },
            Format::Human { colours: true },
            Format::Json,
            Format::Sarif,
            Format::Github,
        ] {
            for shown in [write(&report, &sources, format), write_mended(&all, true, format)] {
                assert!(!shown.contains("hunter2"), "{shown}");
            }
        }
    }
}

/// Looking at all the others once more for each of them took more than a minute.
#[test]
fn i5_the_work_grows_with_the_objects_and_not_with_their_square() {
    let ca = Ca::new("CA");
    let secret = pair_and_ca("NAME-tls", &ca.issue(Leaf::server("backend.web.svc")), &ca);
    let (service, pods) = SERVICE.split_once("---\napiVersion: apps").expect("two objects");
    let begin = Instant::now();
    for pods in ["", &format!("---\napiVersion: apps{pods}")] {
        let mut text = String::new();
        for index in 0..500 {
            let name = format!("b{index}");
            let route = ROUTE
                .replace("name: app\n", &format!("name: {name}\n"))
                .replace("app.example", &format!("{name}.example"));
            let route = route.replace("name: backend", &format!("name: {name}"));
            let others = format!("{service}{pods}").replace("backend", &name);
            text.push_str(&format!("---\n{route}{others}{}", secret.replace("NAME", &name)));
        }
        let sources = Sources::new([Text::new("a.yaml", text)]);
        let report = checked(&sources);
        assert!(report.diagnostics.len() >= 500);
    }
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}

/// All of it in one line, as programs write it.
#[test]
fn i5_a_place_in_a_long_line_is_not_counted_from_its_begin() {
    let routes: Vec<String> = (0..400)
        .map(|index| {
            format!(
                "{{\"apiVersion\":\"traefik.io/v1alpha1\",\"kind\":\"ServersTransport\",\"metadata\":{{\"name\":\"t{index}\",\
                 \"namespace\":\"web\"}},\"spec\":{{\"serverNme\":\"\u{e9}{index}\"}}}}"
            )
        })
        .collect();
    let text = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{}]}}",
        routes.join(",")
    );
    let begin = Instant::now();
    let sources = Sources::new([Text::new("a.json", text.as_str())]);
    let report = look(&sources);
    let of_names = report
        .diagnostics
        .iter()
        .filter(|one| one.diagnosis.code() == "V0112");
    let places: Vec<_> = of_names.filter_map(|one| one.place.clone()).collect();
    assert_eq!(places.len(), 400);
    for place in &places {
        assert_eq!(text.get(place.start..place.end), Some("\"serverNme\""));
    }
    let told = write(&report, &sources, Format::Github);
    let before = text.get(..places[399].start).expect("a place");
    let last = before.chars().count() + 1;
    assert!(told.contains(&format!("line=1,col={last},")), "{last}");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
