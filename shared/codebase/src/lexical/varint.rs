//! Variable-length integers: seven bits a byte, the high bit says that more follow, least significant first.
//! Postings and chunk tables are made of them; a reader of damaged bytes gets `None`, never a panic.

/// Appends `value`.
pub(crate) fn write(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
}

/// Appends a signed value, small magnitudes first (zigzag).
pub(crate) fn write_signed(bytes: &mut Vec<u8>, value: i64) {
    write(bytes, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Reads one value and moves `bytes` behind it.
pub(crate) fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    let mut shift = 0;
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        // The tenth byte of a u64 holds one bit.
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
        if shift > 63 {
            return None;
        }
    }
}

/// Reads what [`write_signed`] wrote.
pub(crate) fn read_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = read(bytes)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    #[test]
    fn every_value_comes_back() {
        let mut values = vec![0, u64::MAX];
        for shift in 0..64 {
            values.extend([1 << shift, (1u64 << shift) - 1, (1u64 << shift) + 1]);
        }
        let mut bytes = Vec::new();
        for &value in &values {
            write(&mut bytes, value);
            write_signed(&mut bytes, value.cast_signed());
        }
        let mut rest = bytes.as_slice();
        for &value in &values {
            assert_eq!(read(&mut rest), Some(value));
            assert_eq!(read_signed(&mut rest), Some(value.cast_signed()));
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn damaged_bytes_are_refused() {
        for damaged in [&[0x80][..], &[], &[0xff; 11]] {
            assert_eq!(read(&mut &*damaged), None);
        }
    }
}
