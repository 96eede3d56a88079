//! TFRecord framing: length, checksum of the length, data, checksum of the data, all little-endian.
//!
//! A reader that finds a frame cut short (the process was killed) stops there and goes on with the next file.

use std::io::{self, Write};

/// Writes one frame.
pub(super) fn write_record(out: &mut impl Write, data: &[u8]) -> io::Result<()> {
    let length = (data.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_checksum(&length).to_le_bytes())?;
    out.write_all(data)?;
    out.write_all(&masked_checksum(data).to_le_bytes())
}

/// CRC-32C, rotated and shifted as the format wants, so that a checksum of data that holds checksums stays strong.
fn masked_checksum(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_known_answers() {
        // RFC 3720, B.4, and the usual check value.
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c::crc32c(&[0xff; 32]), 0x62a8_ab43);
        // TensorBoard's `masked_crc32c`.
        assert_eq!(masked_checksum(b"123456789"), 0xc78a_b0e5);
        assert_eq!(masked_checksum(b""), 0xa282_ead8);
    }

    #[test]
    fn frame_known_answer() {
        let mut frame = Vec::new();
        write_record(&mut frame, b"abc").unwrap();
        // What TensorBoard's `RecordWriter` makes of these three bytes.
        let expected = b"\x03\0\0\0\0\0\0\0\xb0\x99I\x0eabcnW\xf1!";
        assert_eq!(frame, expected);
    }
}
