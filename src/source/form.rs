//! The form of an input, told from its first bytes, never from its name.

use memchr::memmem;

use super::foreign;

/// How many first bytes are looked at.
pub(super) const HEAD: usize = 64 << 10;

const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = b"\xfd7zXZ\0";
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// What follows the first byte (0x50 to 0x5f) of a frame that zstd skips.
const ZSTD_SKIPPED: &[u8] = &[0x2a, 0x4d, 0x18];
const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
/// The length of a tar header, and the place of its magic and of its checksum.
const TAR_HEADER: usize = 512;
const TAR_MAGIC: usize = 257;
const TAR_CHECKSUM: std::ops::Range<usize> = 148..156;

/// The form of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputForm {
    Gzip,
    Xz,
    Zstd,
    Zip,
    Tar,
    /// Text that may be FHIR JSON.
    Text,
    /// Something else, and what to do about it.
    Foreign(&'static str),
}

impl InputForm {
    /// Tells the form from the first bytes: [`HEAD`] of them, or all.
    pub(super) fn of(head: &[u8]) -> InputForm {
        if head.starts_with(GZIP) {
            InputForm::Gzip
        } else if head.starts_with(XZ) {
            InputForm::Xz
        } else if head.starts_with(ZSTD)
            || (head.first().is_some_and(|b| b & 0xf0 == 0x50)
                && head[1..].starts_with(ZSTD_SKIPPED))
        {
            InputForm::Zstd
        } else if head.starts_with(ZIP) || head.starts_with(EMPTY_ZIP) {
            foreign::document(head).map_or(InputForm::Zip, InputForm::Foreign)
        } else if is_tar(head) {
            InputForm::Tar
        } else {
            foreign::reason(head).map_or(InputForm::Text, InputForm::Foreign)
        }
    }
}

/// True for the first header of a tar: it has a magic, or, in the oldest form, just a checksum that is
/// right. A tar without members is two blocks of zeros.
fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..TAR_HEADER) else { return false };
    if header.iter().all(|b| *b == 0) {
        return head.len() >= 2 * TAR_HEADER && head.iter().all(|b| *b == 0);
    }
    let digits: String = header[TAR_CHECKSUM].iter().map(|b| *b as char).collect();
    let digits = digits.trim_matches([' ', '\0']);
    let sum = |header: &[u8]| header.iter().map(|b| u32::from(*b)).sum::<u32>();
    let right = sum(header) - sum(&header[TAR_CHECKSUM]) + 8 * u32::from(b' ');
    header[TAR_MAGIC..].starts_with(b"ustar") || u32::from_str_radix(digits, 8) == Ok(right)
}

/// True for the first bytes of JSON that has a `resourceType`.
pub(super) fn begins_a_resource(head: &[u8]) -> bool {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'[')) && memmem::find(text, b"\"resourceType\"").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_their_first_bytes() {
        let mut old_tar = [0u8; 512];
        old_tar[..8].copy_from_slice(b"a.ndjson");
        let sum = old_tar.iter().map(|b| u32::from(*b)).sum::<u32>() + 8 * 32;
        old_tar[TAR_CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let cases: [(&[u8], InputForm); 9] = [
            (&[0x1f, 0x8b, 8], InputForm::Gzip),
            (b"\xfd7zXZ\0\0\x04", InputForm::Xz),
            (&[0x28, 0xb5, 0x2f, 0xfd, 4], InputForm::Zstd),
            (&[0x5a, 0x2a, 0x4d, 0x18, 0, 0, 0, 0], InputForm::Zstd),
            (b"PK\x03\x04 ", InputForm::Zip),
            (&old_tar, InputForm::Tar),
            (&[0; 1024], InputForm::Tar),
            (b"{\"resourceType\":\"Patient\"}", InputForm::Text),
            (b"", InputForm::Text),
        ];
        for (head, form) in cases {
            assert_eq!(InputForm::of(head), form, "{head:?}");
        }
        assert!(matches!(InputForm::of(b"%PDF-1.7"), InputForm::Foreign(_)));
    }
}
