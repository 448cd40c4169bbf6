//! The chunked coding of a body: <https://www.rfc-editor.org/rfc/rfc9112#section-7.1>.

use super::refusal::Refusal;

/// The longest line of a chunk's size with its extensions, and the longest trailer section, in bytes.
const LONGEST_LINE: usize = 1024;
const LONGEST_TRAILERS: usize = 64 << 10;
/// The most fields of a trailer section.
const MOST_TRAILERS: usize = 100;

/// Decodes chunks piece by piece: however the bytes come, the body is the same.
#[derive(Default)]
pub struct ChunkDecoder {
    place: Place,
    /// What has come of a line, or of the trailer section.
    line: Vec<u8>,
}

/// The place in the grammar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In the line with a chunk's size.
    #[default]
    Size,
    /// In a chunk with so many bytes to come.
    Data(u64),
    /// Behind a chunk's data, where CRLF must follow.
    DataEnd,
    /// Behind the last chunk.
    Trailers,
    /// Behind the body.
    End,
}

/// A step of the decoder.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// So many bytes at the beginning belong to the coding, not to the body.
    Skip(usize),
    /// So many bytes at the beginning are content.
    Content(usize),
    /// The body is over, and the next byte begins the next message.
    Whole,
    /// More bytes are needed.
    Hungry,
}

impl ChunkDecoder {
    /// The next step over `bytes`, which begin where the step before ended.
    ///
    /// # Errors
    /// 400 for a fault in the coding.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Decoded, Refusal> {
        if self.place == Place::End {
            return Ok(Decoded::Whole);
        }
        if bytes.is_empty() {
            return Ok(Decoded::Hungry);
        }
        if let Place::Data(left) = self.place {
            let count = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let left = left - count as u64;
            self.place = if left == 0 { Place::DataEnd } else { Place::Data(left) };
            return Ok(Decoded::Content(count));
        }
        // All else is lines.
        for (at, byte) in bytes.iter().enumerate() {
            let is_after_cr = self.line.last() == Some(&b'\r');
            if is_after_cr != (*byte == b'\n') {
                return Err(Refusal::bad("a line of the chunked body does not end in CRLF"));
            }
            self.line.push(*byte);
            if *byte == b'\n' && self.end_line()? {
                return Ok(Decoded::Skip(at + 1));
            }
            let most = if self.place == Place::Trailers { LONGEST_TRAILERS } else { LONGEST_LINE };
            if self.line.len() > most {
                return Err(Refusal::bad("a line of the chunked body is too long"));
            }
        }
        Ok(Decoded::Skip(bytes.len()))
    }

    /// Goes on behind a line. True if the place has changed.
    fn end_line(&mut self) -> Result<bool, Refusal> {
        self.place = match self.place {
            Place::Size => match chunk_size(&self.line[..self.line.len() - 2])? {
                0 => Place::Trailers,
                size => Place::Data(size),
            },
            Place::DataEnd if self.line == b"\r\n" => Place::Size,
            Place::DataEnd => {
                return Err(Refusal::bad("a chunk of the body is longer than it says"));
            }
            Place::Trailers if self.line == b"\r\n" || self.line.ends_with(b"\r\n\r\n") => {
                check_trailers(&self.line)?;
                Place::End
            }
            other => {
                self.place = other;
                return Ok(false);
            }
        };
        self.line.clear();
        Ok(true)
    }
}

/// Reads `chunk-size [ chunk-ext ]` without its line end.
fn chunk_size(line: &[u8]) -> Result<u64, Refusal> {
    let fault =
        || Refusal::bad("the size of a chunk of the body is no number in hexadecimal digits");
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (size, extensions) = line.split_at(digits);
    let size = std::str::from_utf8(size).ok().and_then(|size| u64::from_str_radix(size, 16).ok());
    check_extensions(extensions).then_some(size).flatten().ok_or_else(fault)
}

/// `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )`. What they say is ignored.
fn check_extensions(extensions: &[u8]) -> bool {
    let is_text = |b: &u8| matches!(b, b'\t' | b' '..=b'~' | 0x80..);
    let begun = extensions.trim_ascii_start();
    extensions.is_empty() || (begun.starts_with(b";") && extensions.iter().all(is_text))
}

/// The trailer section has the grammar of header fields. What they say is ignored.
fn check_trailers(section: &[u8]) -> Result<(), Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_TRAILERS];
    match httparse::parse_headers(section, &mut fields) {
        Ok(httparse::Status::Complete(_)) => Ok(()),
        _ => Err(Refusal::bad("the trailer fields of the body are not header fields")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes `bytes` that come in pieces of these lengths; the content and the bytes behind the body.
    fn decode(bytes: &[u8], pieces: &[usize]) -> Result<(Vec<u8>, usize), String> {
        let mut decoder = ChunkDecoder::default();
        let (mut content, mut at, mut come) = (Vec::new(), 0, 0);
        let mut pieces = pieces.iter().copied().chain(std::iter::repeat(1));
        loop {
            match decoder.next(&bytes[at..come]).map_err(|refusal| refusal.what)? {
                Decoded::Whole => return Ok((content, bytes.len() - at)),
                Decoded::Skip(count) => at += count,
                Decoded::Content(count) => {
                    content.extend_from_slice(&bytes[at..at + count]);
                    at += count;
                }
                Decoded::Hungry if come == bytes.len() => return Err("hungry".to_owned()),
                Decoded::Hungry => come = bytes.len().min(come + pieces.next().unwrap().max(1)),
            }
        }
    }

    #[test]
    fn chunks_are_read_strictly() {
        for (bytes, content) in [
            ("0\r\n\r\n", Ok("")),
            ("5\r\nhello\r\n0\r\n\r\n", Ok("hello")),
            ("5\r\nhello\r\n00000000\r\n\r\n", Ok("hello")),
            ("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", Ok("01234567890123456789")),
            ("0005;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n", Ok("hello")),
            ("5 ; a = b\r\nhello\r\n0\r\n\r\n", Ok("hello")),
            ("2\r\n\r\n\r\n0\r\n\r\n", Ok("\r\n")),
            ("1\r\nx\r\n0\r\nSum: 1\r\nHost: y\r\n\r\n", Ok("x")),
            ("", Err("hungry")),
            ("5\r\nhel", Err("hungry")),
            ("5\r\nhello\r\n", Err("hungry")),
            ("0\r\n", Err("hungry")),
            ("0\r\nSum: 1\r\n", Err("hungry")),
            ("\r\n", Err("hexadecimal")),
            (" 5\r\nhello\r\n", Err("hexadecimal")),
            ("5 \r\nhello\r\n", Err("hexadecimal")),
            ("+5\r\nhello\r\n", Err("hexadecimal")),
            ("-1\r\n", Err("hexadecimal")),
            ("0x5\r\nhello\r\n", Err("hexadecimal")),
            ("5,\r\nhello\r\n", Err("hexadecimal")),
            ("ffffffffffffffff0\r\n", Err("hexadecimal")),
            ("g\r\n", Err("hexadecimal")),
            ("5;a\0\r\nhello\r\n", Err("hexadecimal")),
            ("5\nhello\r\n", Err("CRLF")),
            ("5\rhello", Err("CRLF")),
            ("5;a\nb\r\nhello\r\n", Err("CRLF")),
            ("5\r\nhello0\r\n\r\n", Err("longer")),
            ("5\r\nhello\n0\r\n\r\n", Err("CRLF")),
            ("5\r\nhello\r\r\n0\r\n\r\n", Err("CRLF")),
            ("0\r\nno colon\r\n\r\n", Err("trailer")),
            ("0\r\nA: b\r\n c\r\n\r\n", Err("trailer")),
            ("0\r\n: b\r\n\r\n", Err("trailer")),
            ("0\r\nA: b\nC: d\r\n\r\n", Err("CRLF")),
        ] {
            let read = decode(bytes.as_bytes(), &[usize::MAX]);
            match (read, content) {
                (Ok((read, 0)), Ok(content)) => assert_eq!(read, content.as_bytes(), "{bytes:?}"),
                (Err(what), Err(word)) => assert!(what.contains(word), "{bytes:?}: {what}"),
                (read, _) => panic!("{bytes:?}: {read:?}"),
            }
        }
        let endless = format!("5;{}", "a".repeat(2000));
        assert!(decode(endless.as_bytes(), &[]).unwrap_err().contains("too long"));
        let endless = format!("0\r\n{}", "a: b\r\n".repeat(20_000));
        assert!(decode(endless.as_bytes(), &[]).unwrap_err().contains("too long"));
        let next = decode(b"1\r\nx\r\n0\r\n\r\nGET /", &[usize::MAX]).unwrap();
        assert_eq!(next, (b"x".to_vec(), 5));
    }

    proptest! {
        #[test]
        fn however_chunks_come_the_body_is_the_same(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            pieces in prop::collection::vec(1_usize..30, 0..40),
            trailer in prop::option::of("[a-zA-Z-]{1,9}: [ -~]{0,9}"),
        ) {
            let mut bytes = Vec::new();
            for chunk in &chunks {
                bytes.extend(format!("{:x};n=\"v\"\r\n", chunk.len()).into_bytes());
                bytes.extend([chunk, &b"\r\n"[..]].concat());
            }
            let trailer = trailer.map_or(String::new(), |line| format!("{line}\r\n"));
            bytes.extend(format!("0\r\n{trailer}\r\nnext").into_bytes());
            prop_assert_eq!(decode(&bytes, &pieces), Ok((chunks.concat(), 4)));
        }

        #[test]
        fn bytes_that_are_no_chunks_are_refused_alike_however_they_come(
            bytes in "[0-9a-f;= \r\n:x]{0,60}",
            pieces in prop::collection::vec(1_usize..9, 0..40),
        ) {
            let whole = decode(bytes.as_bytes(), &[usize::MAX]);
            prop_assert_eq!(whole.map(|(content, _)| content).ok(),
                decode(bytes.as_bytes(), &pieces).map(|(content, _)| content).ok());
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes, &[7, 1, 30]);
        }
    }
}
