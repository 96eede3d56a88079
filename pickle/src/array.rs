//! numpy arrays of bytes inside a pickle.
//!
//! numpy pickles an array as `_reconstruct(ndarray, (0,), 'b')` with the state (version, shape, dtype, Fortran order,
//! raw bytes), and a dtype as `dtype('u1', ...)`. Only one-byte unsigned integers are read: the images of the CIFAR files.

use std::borrow::Cow;

use super::value::{Node, NodeId, Pickle};

/// A two-dimensional array of bytes in row order.
#[derive(Debug)]
pub struct ByteArray<'file> {
    /// Extent of the first dimension.
    pub rows: usize,
    /// Extent of the second dimension.
    pub columns: usize,
    /// `rows * columns` values, row after row; copied only when the file holds them column after column.
    pub bytes: Cow<'file, [u8]>,
}

/// Reads the node as a `[rows, columns]` array of unsigned bytes.
///
/// # Errors
///
/// What the node is instead, as the end of a sentence.
pub fn byte_array<'file>(pickle: &Pickle<'file>, id: NodeId) -> Result<ByteArray<'file>, String> {
    let (name, state) = call_parts(pickle, id).ok_or_else(|| pickle.node(id).kind())?;
    if name != b"_reconstruct" {
        return Err(format!("an object made by {}", String::from_utf8_lossy(name)));
    }
    let Some(Node::Tuple(state)) = state.map(|state| pickle.node(state)) else {
        return Err("an array without content".to_owned());
    };
    let [_version, shape, dtype, fortran, bytes] = state[..] else {
        return Err(format!("an array with {} parts, not 5", state.len()));
    };
    check_dtype(pickle, dtype)?;
    let (rows, columns) = two_dimensions(pickle, shape)?;
    let Node::Bytes(bytes) = pickle.node(bytes) else {
        return Err(format!("an array whose content is {}", pickle.node(bytes).kind()));
    };
    if rows.checked_mul(columns) != Some(bytes.len()) {
        return Err(format!("an array of shape [{rows}, {columns}] with {} bytes", bytes.len()));
    }
    let column_order = matches!(pickle.node(fortran), Node::Bool(true) | Node::Int(1));
    let bytes = if column_order { Cow::Owned(row_order(bytes, rows, columns)) } else { Cow::Borrowed(*bytes) };
    Ok(ByteArray { rows, columns, bytes })
}

/// The name of the function that a node calls and the state set on the result.
fn call_parts<'file>(pickle: &Pickle<'file>, id: NodeId) -> Option<(&'file [u8], Option<NodeId>)> {
    let Node::Call { function, state, .. } = pickle.node(id) else { return None };
    match pickle.node(*function) {
        Node::Global { module, name } if module.starts_with(b"numpy") => Some((name, *state)),
        _ => None,
    }
}

fn check_dtype(pickle: &Pickle<'_>, id: NodeId) -> Result<(), String> {
    let not_bytes = || "an array of something other than unsigned bytes".to_owned();
    let Node::Call { arguments, .. } = pickle.node(id) else { return Err(not_bytes()) };
    let Node::Tuple(arguments) = pickle.node(*arguments) else { return Err(not_bytes()) };
    match arguments.first().map(|&first| pickle.node(first)) {
        Some(Node::Bytes(b"u1" | b"|u1" | b"uint8")) => Ok(()),
        Some(Node::Bytes(other)) => Err(format!("an array of {}", String::from_utf8_lossy(other))),
        _ => Err(not_bytes()),
    }
}

fn two_dimensions(pickle: &Pickle<'_>, shape: NodeId) -> Result<(usize, usize), String> {
    let Node::Tuple(shape) = pickle.node(shape) else { return Err("an array without a shape".to_owned()) };
    let sizes: Option<Vec<usize>> = shape
        .iter()
        .map(|&size| match pickle.node(size) {
            Node::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        })
        .collect();
    match sizes.as_deref() {
        Some(&[rows, columns]) => Ok((rows, columns)),
        Some(other) => Err(format!("an array of shape {other:?}")),
        None => Err("an array with a shape that is not numbers".to_owned()),
    }
}

fn row_order(bytes: &[u8], rows: usize, columns: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for row in 0..rows {
        out.extend((0..columns).map(|column| bytes[column * rows + row]));
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn column_order_is_turned_into_row_order() {
        assert_eq!(super::row_order(&[1, 4, 2, 5, 3, 6], 2, 3), [1, 2, 3, 4, 5, 6]);
    }
}
