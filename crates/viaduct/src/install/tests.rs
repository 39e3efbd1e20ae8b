use super::*;

fn surroundings(directory: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Surroundings {
    let owned = |text: &&str| (*text).to_owned();
    let home = directory.display().to_string();
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Surroundings {
        arguments: arguments.iter().map(owned).collect(),
        environment: environment.chain([("HOME".to_owned(), home)]).collect(),
    }
}

fn address(told: &Told) -> Option<&str> {
    let entry_point = told.install.entry_points.get("web")?;
    Some(&entry_point.address)
}

const FLAG: &str = "--entrypoints.web.address=:2";
const VARIABLE: (&str, &str) = ("TRAEFIK_ENTRYPOINTS_WEB_ADDRESS", ":3");

#[test]
fn a1_3_the_first_source_counts_alone_and_the_others_are_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("t.yml");
    std::fs::write(&file, "entryPoints: {web: {address: ':1'}}\n").unwrap();
    let config_file = format!("--configfile={}", file.display());

    let told = load(&surroundings(home.path(), &[&config_file, FLAG], &[VARIABLE])).unwrap();
    assert_eq!((address(&told), &told.origin), (Some(":1"), &Origin::File(file)));
    let warned = told.warnings.join("\n");
    assert!(
        warned.contains(
            "flags such as `--entrypoints.web.address` are ignored: the configuration is read from the file `"
        ),
        "{warned}"
    );
    assert!(warned.contains("variables `TRAEFIK_...`"), "{warned}");

    let told = load(&surroundings(home.path(), &[FLAG], &[VARIABLE])).unwrap();
    assert_eq!((address(&told), &told.origin), (Some(":2"), &Origin::Flags));
    assert_eq!(told.warnings.len(), 1, "{:?}", told.warnings);

    let told = load(&surroundings(home.path(), &[], &[VARIABLE])).unwrap();
    assert_eq!((address(&told), &told.origin), (Some(":3"), &Origin::Environment));
    assert_eq!(told.warnings, [""; 0]);

    let told = load(&surroundings(home.path(), &[], &[])).unwrap();
    assert_eq!(told.origin, Origin::Defaults);
    assert_eq!(told.install.entry_points.keys().collect::<Vec<_>>(), ["http"]);
}

#[test]
fn a1_1_files_are_searched_in_the_order_of_traefik() {
    let home = tempfile::tempdir().unwrap();
    let xdg = tempfile::tempdir().unwrap();
    let config = home.path().join(".config");
    std::fs::create_dir(&config).unwrap();
    std::fs::write(
        config.join("traefik.yml"),
        "entryPoints: {web: {address: ':1'}}\n",
    )
    .unwrap();
    let xdg_path = xdg.path().display().to_string();
    let environment = [("XDG_CONFIG_HOME", xdg_path.as_str())];
    let found = |expected: &str| {
        let told = load(&surroundings(home.path(), &[], &environment)).unwrap();
        assert_eq!(address(&told), Some(expected), "{:?}", told.origin);
    };
    found(":1");
    std::fs::write(config.join("traefik.toml"), "[entryPoints.web]\naddress = ':4'\n").unwrap();
    found(":4");
    std::fs::write(
        xdg.path().join("traefik.yaml"),
        "entryPoints: {web: {address: ':5'}}\n",
    )
    .unwrap();
    found(":5");
}

#[test]
fn a1_1_files_that_cannot_be_read_are_named() {
    let home = tempfile::tempdir().unwrap();
    let of = |argument: &str| {
        load(&surroundings(home.path(), &[argument], &[]))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        of("--configFile=/nonexistent/t.yml"),
        "cannot read the configuration file `/nonexistent/t.yml`"
    );
    assert_eq!(of("--configFile="), "`--configFile` needs the name of a file");
    let path = home.path().display().to_string();
    assert_eq!(
        of(&format!("--configFile={path}")),
        format!("cannot read the configuration file `{path}`")
    );
    let file = home.path().join("der.yml");
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    let path = file.display().to_string();
    assert_eq!(
        of(&format!("--configFile={path}")),
        format!("the configuration file `{path}` is not text")
    );
    File::create(&file).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
    assert!(of(&format!("--configFile={path}")).ends_with("is larger than 4 MiB"));
}

#[test]
fn a1_4_not_more_is_said_than_anyone_reads() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("t.yml");
    let options: String = (0..100).map(|number| format!("nonsense{number}: 1\n")).collect();
    std::fs::write(&file, options).unwrap();
    let config_file = format!("--configfile={}", file.display());
    let told = load(&surroundings(home.path(), &[&config_file], &[]))
        .unwrap_err()
        .to_string();
    assert_eq!(told.matches("unknown option").count(), MOST_FAULTS);
    assert!(told.ends_with("\nerror: 80 more options are wrong"), "{told}");
}
