//! Bytes to text. Understands UTF-8 with or without a byte order mark, UTF-16 with one, and Western 8-bit text.
//! Hands out text without the mark and with line ends as they are; never guesses at anything else.

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::SkipReason;

/// The text of a file, or why it has none.
pub(super) fn decode(bytes: Vec<u8>) -> Result<String, SkipReason> {
    let text = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => decode_utf16(UTF_16LE, rest)?,
        [0xfe, 0xff, rest @ ..] => decode_utf16(UTF_16BE, rest)?,
        _ if memchr::memchr(0, &bytes).is_some() => return Err(SkipReason::Binary),
        [0xef, 0xbb, 0xbf, rest @ ..] => decode_utf8(rest.to_vec())?,
        _ => decode_utf8(bytes)?,
    };
    // The database cannot hold this character, and no source text has it.
    if text.contains('\0') {
        Err(SkipReason::Binary)
    } else {
        Ok(text)
    }
}

fn decode_utf16(encoding: &'static encoding_rs::Encoding, bytes: &[u8]) -> Result<String, SkipReason> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(std::borrow::Cow::into_owned).ok_or(SkipReason::Encoding)
}

fn decode_utf8(bytes: Vec<u8>) -> Result<String, SkipReason> {
    String::from_utf8(bytes).or_else(|error| decode_western(error.as_bytes()))
}

fn decode_western(bytes: &[u8]) -> Result<String, SkipReason> {
    if !looks_like_western_text(bytes) {
        return Err(SkipReason::Encoding);
    }
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
    Ok(text.into_owned())
}

/// In 8-bit Western text most characters are ASCII and hardly any is a control character. Text in other 8-bit or
/// multi-byte encodings has more high bytes, and would come out as nonsense.
fn looks_like_western_text(bytes: &[u8]) -> bool {
    let is_control = |byte: &&u8| matches!(byte, 0..=8 | 11 | 14..=26 | 28..=31 | 127);
    let controls = bytes.iter().filter(is_control).count();
    let high = bytes.iter().filter(|byte| **byte >= 0x80).count();
    controls * 1000 <= bytes.len() && high * 4 <= bytes.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[test]
    fn every_understood_encoding_gives_the_same_text() {
        let text = "naïve café\r\nnext\n";
        let mut utf16_little = vec![0xff, 0xfe];
        utf16_little.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let mut utf16_big = vec![0xfe, 0xff];
        utf16_big.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
        let western = text
            .chars()
            .map(|character| u8::try_from(u32::from(character)).unwrap())
            .collect();
        let with_mark = [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat();
        for bytes in [text.as_bytes().to_vec(), with_mark, utf16_little, utf16_big, western] {
            assert_eq!(decode(bytes).unwrap(), text);
        }
    }

    #[test]
    fn a_nul_makes_a_file_binary() {
        assert_eq!(decode(b"text\0text".to_vec()), Err(SkipReason::Binary));
        assert_eq!(decode(vec![0xff, 0xfe, 0, 0]), Err(SkipReason::Binary));
    }

    #[test]
    fn bytes_that_are_no_western_text_are_refused() {
        let cyrillic = [0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2].repeat(10);
        assert_eq!(decode(cyrillic), Err(SkipReason::Encoding));
        assert_eq!(
            decode(vec![0xff, 0xfe, 0x00, 0xd8, 0x41, 0x00]),
            Err(SkipReason::Encoding)
        );
    }
}
