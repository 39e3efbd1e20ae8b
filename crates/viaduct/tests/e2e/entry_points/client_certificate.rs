//! `passTLSClientCert`: what a backend learns of a real client certificate (A4.18).

use std::path::Path;
use std::process::Command;

use percent_encoding::percent_decode_str;
use viaduct_testkit::child::run;
use viaduct_testkit::curl::Curl;
use viaduct_testkit::origin::{Origin, ok};
use viaduct_testkit::tool::Tool;

use super::Edge;

/// `openssl` in `directory`.
#[track_caller]
fn openssl(directory: &Path, arguments: &[&str]) -> String {
    let finished = run(
        Command::new(Tool::Openssl.path())
            .current_dir(directory)
            .args(arguments),
        b"",
    );
    assert!(finished.status.success(), "{arguments:?}: {}", finished.output);
    finished.output
}

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
const ISSUER: &str = "/DC=org/DC=issuer/C=DE/ST=Hessen/L=Frankfurt/O=Issuer/serialNumber=77/CN=Issuing CA";
const SUBJECT: &str = "/DC=org/DC=cheese/C=FR/ST=Some State/L=Toulouse/O=Cheese/O=Cheese 2/OU=Milk, cream/serialNumber=4711/CN=client.example";
const SERIAL: u128 = 0x1234_5678_90ab_cdef_1234;

/// `ca.pem`, `client.crt` and `client.key`, with everything in them that can be asked for.
fn issue(directory: &Path) {
    let ca = [
        "-x509", "-days", "30", "-subj", ISSUER, "-keyout", "ca.key", "-out", "ca.pem",
    ];
    openssl(directory, &[&["req"], &KEY[..], &ca].concat());
    let request = ["-subj", SUBJECT, "-keyout", "client.key", "-out", "client.csr"];
    openssl(directory, &[&["req"], &KEY[..], &request].concat());
    let extensions = "extendedKeyUsage=clientAuth\n\
        subjectAltName=URI:spiffe://a/b,IP:10.0.1.2,IP:2001:db8::1,email:me@client.example,DNS:client.example\n";
    std::fs::write(directory.join("extensions"), extensions).expect("a file");
    let serial = format!("{SERIAL:#x}");
    let signing = [
        "x509",
        "-req",
        "-in",
        "client.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-days",
        "30",
        "-set_serial",
        &serial,
        "-extfile",
        "extensions",
        "-out",
        "client.crt",
    ];
    openssl(directory, &signing);
}

/// Seconds since 1970 of `-startdate` or `-enddate`.
fn moment(directory: &Path, which: &str) -> i64 {
    let told = openssl(
        directory,
        &[
            "x509",
            "-noout",
            "-in",
            "client.crt",
            "-dateopt",
            "iso_8601",
            which,
        ],
    );
    let (_, date) = told.trim().split_once('=').expect("a date");
    let moment: jiff::Timestamp = date.parse().expect("a date of ISO 8601");
    moment.as_second()
}

#[test]
fn a4_18_every_fact_of_a_client_certificate_is_told_as_asked_for() {
    let keys = tempfile::tempdir().expect("a temporary directory");
    issue(keys.path());
    let (begin, end) = (moment(keys.path(), "-startdate"), moment(keys.path(), "-enddate"));
    let names = "client.example,me@client.example,10.0.1.2,2001:db8::1,spiffe://a/b";
    let subject = "DC=org,DC=cheese,C=FR,ST=Some State,L=Toulouse,O=Cheese,O=Cheese 2,OU=Milk, cream,SN=4711,CN=client.example";
    let issuer = "DC=org,DC=issuer,C=DE,ST=Hessen,L=Frankfurt,O=Issuer,SN=77,CN=Issuing CA";
    let all_parts = "country: true, province: true, locality: true, organization: true, commonName: true, \
                     serialNumber: true, domainComponent: true";
    let mut rows: Vec<(String, String)> = vec![
        ("notAfter: true".into(), format!("NA=\"{end}\"")),
        ("notBefore: true".into(), format!("NB=\"{begin}\"")),
        ("sans: true".into(), format!("SAN=\"{names}\"")),
        ("serialNumber: true".into(), format!("SerialNumber=\"{SERIAL}\"")),
        (
            format!(
                "subject: {{{all_parts}, organizationalUnit: true}}, issuer: {{{all_parts}}}, notAfter: true, notBefore: true, sans: true, serialNumber: true"
            ),
            format!(
                "Subject=\"{subject}\";Issuer=\"{issuer}\";SerialNumber=\"{SERIAL}\";NB=\"{begin}\";NA=\"{end}\";SAN=\"{names}\""
            ),
        ),
    ];
    for (field, of_subject, of_issuer) in [
        ("country", "C=FR", "C=DE"),
        ("province", "ST=Some State", "ST=Hessen"),
        ("locality", "L=Toulouse", "L=Frankfurt"),
        ("organization", "O=Cheese,O=Cheese 2", "O=Issuer"),
        ("commonName", "CN=client.example", "CN=Issuing CA"),
        ("serialNumber", "SN=4711", "SN=77"),
        ("domainComponent", "DC=org,DC=cheese", "DC=org,DC=issuer"),
    ] {
        rows.push((
            format!("subject: {{{field}: true}}"),
            format!("Subject=\"{of_subject}\""),
        ));
        rows.push((
            format!("issuer: {{{field}: true}}"),
            format!("Issuer=\"{of_issuer}\""),
        ));
    }
    rows.push((
        "subject: {organizationalUnit: true}".into(),
        "Subject=\"OU=Milk, cream\"".into(),
    ));

    let mut routes =
        String::from("http:\n  services: {app: {loadBalancer: {servers: [{url: 'http://{origin}'}]}}}\n");
    let (mut routers, mut middlewares) = (String::new(), String::new());
    for (number, (info, _)) in rows.iter().enumerate() {
        routers += &format!(
            "    r{number}: {{rule: Host(`a.example`) && Path(`/{number}`), service: app, middlewares: [m{number}]}}\n"
        );
        middlewares += &format!("    m{number}: {{passTLSClientCert: {{info: {{{info}}}}}}}\n");
    }
    routes += &format!(
        "  routers:\n    pem: {{rule: Host(`a.example`) && Path(`/pem`), service: app, middlewares: [pem]}}\n{routers}  \
         middlewares:\n    pem: {{passTLSClientCert: {{pem: true}}}}\n{middlewares}"
    );
    routes += &format!(
        "tls: {{options: {{mutual: {{clientAuth: {{caFiles: ['{}'], clientAuthType: RequireAndVerifyClientCert}}}}}}}}\n",
        keys.path().join("ca.pem").display()
    );
    let origin = Origin::http(|_| ok("backend"));
    let edge = Edge::serving(
        "entryPoints: {web: {address: '127.0.0.1:0', http: {tls: {options: mutual@file}}}}",
        &routes,
        &origin,
    );
    let file = |name: &str| keys.path().join(name).display().to_string();
    let forged = "X-Forwarded-Tls-Client-Cert: forged";
    let forged_info = "x_forwarded-Tls_Client-Cert-Info: forged";
    let curl = Curl::plain(edge.address("web")).over_tls().args(&[
        "--insecure",
        "--cert",
        &file("client.crt"),
        "--key",
        &file("client.key"),
        "--header",
        forged,
        "--header",
        forged_info,
    ]);
    for (number, (info, wanted)) in rows.iter().enumerate() {
        let path = format!("/{number}");
        assert_eq!(curl.get("a.example", &path).status, 200, "{info}");
        let request = origin.wait_request(&path);
        let [told] = request.all("x-forwarded-tls-client-cert-info")[..] else {
            panic!("{info}: {:?}", request.headers);
        };
        let told = told.replace('+', " ");
        let told = percent_decode_str(&told).decode_utf8().expect("text");
        assert_eq!(told, wanted.as_str(), "{info}");
        assert_eq!(request.header("x-forwarded-tls-client-cert"), None, "{info}");
    }
    assert_eq!(curl.get("a.example", "/pem").status, 200);
    let request = origin.wait_request("/pem");
    let pem = std::fs::read_to_string(keys.path().join("client.crt")).expect("the certificate");
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    assert_eq!(request.all("x-forwarded-tls-client-cert"), [body.as_str()]);
    assert_eq!(request.header("x-forwarded-tls-client-cert-info"), None);
}
