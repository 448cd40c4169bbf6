//! Archives and compressed files, told by their first bytes: read, or named, never half.

use std::io::Write;
use std::process::Stdio;

use serde_json::json;
use tar::{Builder, EntryType, Header};

use super::{A, B, C, all};
use crate::support::{Dir, gzip, tool, zip};

/// Makes a tar of some files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Makes a tar header with this name as it is, absolute or not.
fn header(name: &str, entry_type: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(entry_type);
    header.set_size(size);
    header.set_cksum();
    header
}

/// The bytes, run through a program.
fn through(program: &str, args: &[&str], bytes: &[u8]) -> Option<Vec<u8>> {
    let mut command = tool(program)?;
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(&bytes).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{program}");
    Some(output.stdout)
}

/// Imports `bytes` as a file without a telling name and from standard input; the messages.
fn import(bytes: &[u8], code: i32, expected: &[(String, String)]) -> String {
    let dir = Dir::new();
    dir.write("x", bytes);
    let ran = dir.run(["import", "s.db", "x"]);
    assert_eq!(ran.code, code, "{}", ran.stderr);
    let piped = dir.run_with_input(["import", "t.db", "-"], bytes);
    assert_eq!(
        (piped.code, piped.stderr.replace("-/", "x/").replace("-:", "x:")),
        (code, ran.stderr.clone())
    );
    for store in ["s.db", "t.db"] {
        if expected.is_empty() {
            assert!(!dir.path(store).exists(), "{}", ran.stderr);
        } else {
            assert_eq!(dir.bodies(store), expected, "{}", ran.stderr);
        }
    }
    ran.stderr
}

fn members() -> [(&'static str, &'static [u8]); 5] {
    [
        ("z/b.json", B.as_bytes()),
        ("a.ndjson", A.as_bytes()),
        ("./c/c.json", C.as_bytes()),
        (".hidden.json", b"rubbish"),
        ("__MACOSX/a.json", b"rubbish"),
    ]
}

#[test]
fn tar_xz_and_zstd_are_read_in_any_combination() {
    let archive = tar(&members());
    let lines = format!("{A}\n{B}\n{C}\n");
    let (first, rest) = (format!("{A}\n"), format!("{B}\n{C}"));
    assert_eq!(import(&archive, 0, &all()), "");
    assert_eq!(import(&gzip(&archive), 0, &all()), "");
    assert_eq!(import(&gzip(&gzip(lines.as_bytes())), 0, &all()), "");
    let empty_end = [archive.as_slice(), &tar(&[("d.txt", b"")])].concat();
    assert!(
        import(&empty_end, 0, &all()).contains("x/d.txt: skipped"),
        "the second of two joined tars"
    );
    for (program, args) in [
        ("xz", &["-c"][..]),
        ("xz", &["-c", "--check=sha256"]),
        ("zstd", &["-q", "-c"]),
        ("zstd", &["-q", "-c", "--no-check"]),
    ] {
        let Some(packed) = through(program, args, &archive) else { continue };
        assert_eq!(import(&packed, 0, &all()), "", "{program} {args:?}");
        let joined: Vec<u8> =
            [&first, &rest].map(|text| through(program, args, text.as_bytes()).unwrap()).concat();
        assert_eq!(import(&joined, 0, &all()), "", "joined: {program} {args:?}");
        let twice = through(program, args, &gzip(lines.as_bytes())).unwrap();
        assert_eq!(import(&twice, 0, &all()), "", "{program} of gzip");
        let inside = through(program, args, C.as_bytes()).unwrap();
        let archive =
            zip(&[("a.json", A.as_bytes()), ("b.json", B.as_bytes()), ("c.json.xz", &inside)]);
        assert_eq!(import(&archive, 0, &all()), "", "{program} in a zip");
    }
    // A frame that zstd skips, before the others.
    if let Some(packed) = through("zstd", &["-q", "-c"], lines.as_bytes()) {
        let skipped = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], packed.as_slice()].concat();
        assert_eq!(import(&skipped, 0, &all()), "");
    }
}

#[test]
fn the_tar_program_is_understood_in_all_its_dialects() {
    let dir = Dir::new();
    let deep = "d".repeat(90);
    dir.write(&format!("in/{deep}/{deep}/a.json"), A);
    dir.write("in/b.json", B);
    dir.write("in/c.json", C);
    for format in ["v7", "oldgnu", "gnu", "ustar", "posix"] {
        let Some(mut command) = tool("tar") else { return };
        let files: &[&str] = if format == "v7" { &["b.json", "c.json"] } else { &["."] };
        let made = command
            .current_dir(dir.path("in"))
            .args(["--format", format, "-cf", "../x.tar"])
            .args(files);
        assert!(made.status().unwrap().success(), "{format}");
        let expected =
            if format == "v7" { vec![all()[0].clone(), all()[2].clone()] } else { all() };
        import(&dir.read("x.tar"), 0, &expected);
    }
}

#[test]
fn an_archive_gives_what_the_folder_of_its_files_gives() {
    let patient =
        |gender: &str| format!(r#"{{"resourceType":"Patient","id":"p","gender":"{gender}"}}"#);
    let deletion = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/gone"}}]}"#;
    let gone = r#"{"resourceType":"Patient","id":"gone"}"#;
    let (first, last) = (patient("male"), patient("female"));
    // Written in another order than that of the names.
    let files: Vec<(&str, &[u8])> = vec![
        ("deleted/Bundle.ndjson", deletion.as_bytes()),
        ("b.json", last.as_bytes()),
        ("a-b.json", first.as_bytes()),
        ("zz", gone.as_bytes()),
        ("a/a.json", first.as_bytes()),
    ];
    let dir = Dir::new();
    for (name, bytes) in &files {
        dir.write(&format!("in/{name}"), bytes);
    }
    dir.write("x.tar", tar(&files));
    dir.write("x.tgz", gzip(&tar(&files)));
    dir.write("x.zip", zip(&files));
    for (store, input) in [("1.db", "in"), ("2.db", "x.tar"), ("3.db", "x.tgz"), ("4.db", "x.zip")]
    {
        let report = dir.import(0, &[store, input]);
        assert_eq!((&report["created"], &report["deleted"]), (&json!(2), &json!(1)), "{input}");
        assert!(dir.get(store, "Patient/p").contains("female"), "{input}");
    }
}

#[test]
fn archives_that_are_cut_off_say_so_and_keep_what_was_whole() {
    let many: String = (0..5000)
        .map(|n| format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\",\"n\":{}}}\n", n * 7919))
        .collect();
    let archive =
        tar(&[("a.json", A.as_bytes()), ("b.ndjson", many.as_bytes()), ("c.json", C.as_bytes())]);
    let packed = gzip(&archive);
    for (name, bytes) in
        [("x.tar", &archive[..archive.len() / 2]), ("x.tgz", &packed[..packed.len() / 2])]
    {
        let dir = Dir::new();
        dir.write(name, bytes);
        let ran = dir.run(["import", "s.db", name]);
        assert_eq!(ran.code, 1);
        let told: Vec<&str> = ran.stderr.lines().collect();
        assert!(told.len() == 2 && told[0].starts_with(&format!("{name}/b.ndjson:")), "{told:?}");
        assert_eq!(told[1], format!("{name}: ends in the middle; is it truncated?"));
        let taken = dir.count("s.db", "SELECT count(*) FROM resource WHERE type = 'Basic'");
        assert!((500..5000).contains(&taken), "{taken}");
        dir.get("s.db", "Patient/a");
        dir.check("s.db");
    }
    let end = archive.len() - 1024;
    let dir = Dir::new();
    dir.write("x.tar", &archive[..end]);
    let ran = dir.run(["import", "s.db", "x.tar", "--json"]);
    assert!(ran.code == 1 && ran.stdout.contains(r#""created":5002"#), "{}", ran.stderr);
    assert_eq!(ran.stderr, "x.tar: ends in the middle; is it truncated?\n");
}

#[test]
fn links_and_names_that_lead_out_of_an_archive_do_no_harm() {
    let mut archive = Vec::new();
    let mut add = |header: Header, text: &[u8]| {
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(text);
        archive.resize(archive.len().next_multiple_of(512), 0);
    };
    for (name, text) in [("/etc/a.json", A), ("../../b.json", B), ("in/c.json", C)] {
        add(header(name, EntryType::Regular, text.len() as u64), text.as_bytes());
    }
    for (name, target, entry_type) in [
        ("hard.json", "in/c.json", EntryType::Link),
        ("in/soft.json", "c.json", EntryType::Symlink),
        ("out.json", "/etc/passwd", EntryType::Symlink),
    ] {
        let mut header = header(name, entry_type, 0);
        header.set_link_name(target).unwrap();
        header.set_cksum();
        add(header, b"");
    }
    add(header("pipe.json", EntryType::Fifo, 0), b"");
    add(header("holes.json", EntryType::GNUSparse, 0), b"");
    archive.resize(archive.len() + 1024, 0);
    let told = import(&archive, 1, &all());
    for line in [
        "warning: x/hard.json: a link to in/c.json, which is read itself",
        "warning: x/in/soft.json: a link to c.json, which is read itself",
        "x/out.json: a link to /etc/passwd, which is not in the archive",
        "x/holes.json: is stored sparse, which is not read; unpack the archive first",
    ] {
        assert!(told.lines().any(|told| told == line), "{line} in {told}");
    }
}

#[test]
fn headers_that_ask_for_all_memory_are_refused() {
    let mut name = header("././@LongLink", EntryType::GNULongName, 3 << 30).as_bytes().to_vec();
    name.resize(8192, b'a');
    let told = import(&name, 1, &[]);
    assert_eq!(told, "x: cannot be read: not a valid tar: a header is too long\n");
    let mut huge = header("a.ndjson", EntryType::Regular, 1 << 32).as_bytes().to_vec();
    huge.extend_from_slice(format!("{A}\n{B}").as_bytes());
    // An object that has ended is whole, although the line has not ended.
    assert!(import(&huge, 1, &all()[1..]).contains("x/a.ndjson:2: ends in the middle"));
}

#[test]
fn archives_in_archives_and_other_packers_are_named() {
    let inner = tar(&[("b.json", B.as_bytes())]);
    let a = all()[1..2].to_vec();
    for archive in [
        zip(&[("a.json", A.as_bytes()), ("b.tar", &inner)]),
        zip(&[("a.json", A.as_bytes()), ("b.tgz", &gzip(&inner))]),
        tar(&[("a.json", A.as_bytes()), ("b.zip", &zip(&[("b.json", B.as_bytes())]))]),
    ] {
        let told = import(&archive, 1, &a);
        assert!(
            told.contains(": an archive inside an archive is not read; unpack it first\n"),
            "{told}"
        );
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    for (bytes, word) in [
        (b"BZh91AY&SY".as_slice(), "bzip2 -dc"),
        (b"7z\xbc\xaf\x27\x1c", "7z archive"),
        (b"Rar!\x1a\x07\x01", "rar archive"),
        (&gzip(&gzip(&gzip(&gzip(A.as_bytes())))), "more than three times"),
        (&zip(&[("[Content_Types].xml", b"<a/>"), ("word/document.xml", b"<a/>")]), "Office"),
    ] {
        let told = import(bytes, 1, &[]);
        assert!(told.contains(word) && told.lines().count() == 1, "{told}");
    }
}
