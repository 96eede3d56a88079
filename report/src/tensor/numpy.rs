//! NumPy's .npy, version 1.0 of its format: magic, a header that is a Python literal, and the bytes in C order.

/// The bytes of an .npy file. `kind` is NumPy's word for the type: `<f8`, `<i8`, `|b1`, `<U12`.
pub(super) fn npy(kind: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
    let lengths: String = shape.iter().map(|length| format!("{length},")).collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({lengths}), }}");
    // The data begins at a multiple of 64, and a newline ends the header.
    let unpadded = MAGIC.len() + 2 + header.len() + 1;
    header.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    // A header is a few dozen bytes long.
    let length = u16::try_from(header.len()).unwrap_or(u16::MAX);
    [MAGIC, &length.to_le_bytes(), header.as_bytes(), data].concat()
}

/// A list of texts: UTF-32, each as long as the longest, so that no pickle is needed.
pub(super) fn texts<S: AsRef<str>>(values: &[S]) -> Vec<u8> {
    let width = values.iter().map(|text| text.as_ref().chars().count()).max().unwrap_or(0).max(1);
    let mut data = Vec::with_capacity(values.len() * width * 4);
    for text in values {
        let letters = text.as_ref().chars().map(u32::from).chain(std::iter::repeat(0)).take(width);
        data.extend(letters.flat_map(u32::to_le_bytes));
    }
    npy(&format!("<U{width}"), &[values.len()], &data)
}
