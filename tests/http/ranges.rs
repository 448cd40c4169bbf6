//! Ranges and validators of files.

use super::{lines, patients, two_types};

#[test]
fn a_range_is_that_part_of_the_file() {
    let (_dir, served) = two_types();
    let file = patients(&served);
    let whole = lines("Patient");
    let length = whole.len();
    let etag = served.get(&file).header("etag").unwrap().to_owned();
    for start in [0, 1, 100, whole.iter().position(|b| *b == b'\n').unwrap(), length - 1] {
        for end in [start, start + 1, start + 150, length + 10] {
            let answer = served.get_with(&file, &format!("Range: bytes={start}-{end}\r\n"));
            let last = end.min(length - 1);
            assert_eq!(answer.status, 206);
            assert_eq!(answer.body, &whole[start..=last], "{start}-{end}");
            assert_eq!(
                answer.header("content-range"),
                Some(format!("bytes {start}-{last}/{length}").as_str())
            );
        }
    }
    assert_eq!(served.get_with(&file, "Range: bytes=-7\r\n").body, &whole[length - 7..]);
    assert_eq!(served.get_with(&file, "Range: bytes=200-\r\n").body, &whole[200..]);
    assert_eq!(
        served.get_with(&file, &format!("Range: bytes=0-4\r\nIf-Range: {etag}\r\n")).status,
        206
    );
    for ignored in ["bytes=0-1,3-4", "lines=1-2", "bytes=9-2", "bytes=0-4\r\nIf-Range: \"other\""] {
        let answer = served.get_with(&file, &format!("Range: {ignored}\r\n"));
        assert_eq!((answer.status, answer.body.len()), (200, length), "{ignored}");
    }
    let beyond = served.get_with(&file, &format!("Range: bytes={length}-\r\n"));
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{length}").as_str()));
}

#[test]
fn a_client_with_the_current_version_downloads_nothing() {
    let (_dir, served) = two_types();
    let file = patients(&served);
    let etag = served.get(&file).header("etag").unwrap().to_owned();
    for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let answer = served.get_with(&file, &format!("If-None-Match: {known}\r\n"));
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), Some(etag.as_str()));
    }
    for (headers, status) in [
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-None-Match: \"x\"\r\nIf-None-Match: {etag}\r\n"), 304),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
        (format!("If-Match: {etag}\r\n"), 200),
    ] {
        assert_eq!(served.get_with(&file, &headers).status, status, "{headers}");
    }
}
