//! The stack machine of the pickle format (Python's `pickletools` describes each instruction).
//!
//! Protocols 1 to 4 as far as plain values, numpy arrays and PyTorch's tensors need them. REDUCE, BUILD and BINPERSID,
//! which call Python code in Python's own reader, only record what was asked for. An unknown instruction is an error
//! with its place in the file.

use std::collections::HashMap;

use super::value::{Node, NodeId, Pickle};

/// Values on the stack, and the marks that say where a tuple, list or dict begins.
struct Machine<'file> {
    bytes: &'file [u8],
    position: usize,
    nodes: Vec<Node<'file>>,
    stack: Vec<NodeId>,
    marks: Vec<usize>,
    memo: HashMap<u32, NodeId>,
}

/// Reads a pickle.
///
/// # Errors
///
/// What is wrong, and at which byte.
pub fn parse(bytes: &[u8]) -> Result<Pickle<'_>, String> {
    let mut machine =
        Machine { bytes, position: 0, nodes: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        let place = machine.position;
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Pickle { nodes: machine.nodes, root }),
            Err(reason) => return Err(format!("{reason} (at byte {place} of {})", bytes.len())),
        }
    }
}

impl<'file> Machine<'file> {
    /// Runs one instruction; gives the root at the end.
    fn step(&mut self) -> Result<Option<NodeId>, String> {
        let instruction = self.take(1)?[0];
        match instruction {
            b'.' => return self.pop().map(Some),
            0x80 => drop(self.take(1)?), // PROTO
            0x95 => drop(self.take(8)?), // FRAME
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'N' => self.push(Node::None),
            0x88 => self.push(Node::Bool(true)),
            0x89 => self.push(Node::Bool(false)),
            b'I' => self.text_integer()?,
            b'J' | b'K' | b'M' | 0x8a => self.integer(instruction)?,
            b'G' => {
                self.take(8)?;
                self.push(Node::Float);
            }
            b'T' | b'U' | b'X' | b'B' | b'C' | 0x8c | 0x8d | 0x8e => self.string(instruction)?,
            b')' => self.push(Node::Tuple(Vec::new())),
            b't' => {
                let items = self.since_mark()?;
                self.push(Node::Tuple(items));
            }
            0x85..=0x87 => self.tuple_of(usize::from(instruction) - 0x84)?,
            b']' => self.push(Node::List(Vec::new())),
            b'l' => {
                let items = self.since_mark()?;
                self.push(Node::List(items));
            }
            b'a' | b'e' => self.append(instruction)?,
            b'}' => self.push(Node::Dict(Vec::new())),
            b's' | b'u' => self.set_items(instruction)?,
            b'c' => self.global()?,
            0x93 => self.stack_global()?,
            b'R' => self.call()?,
            b'b' => self.build()?,
            b'Q' => {
                let identifier = self.pop()?;
                self.push(Node::Persistent(identifier));
            }
            b'q' | b'r' | 0x94 => self.remember(instruction)?,
            b'h' | b'j' => self.recall(instruction)?,
            other => return Err(format!("instruction 0x{other:02x} does not occur in data files")),
        }
        Ok(None)
    }

    fn take(&mut self, count: usize) -> Result<&'file [u8], String> {
        let rest = &self.bytes[self.position..];
        let Some(taken) = rest.get(..count) else {
            return Err(format!("ends {} bytes too early", count - rest.len()));
        };
        self.position += count;
        Ok(taken)
    }

    /// A little-endian unsigned number of 1 to 8 bytes.
    fn number(&mut self, count: usize) -> Result<u64, String> {
        Ok(self.take(count)?.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn line(&mut self) -> Result<&'file [u8], String> {
        let rest = &self.bytes[self.position..];
        let end = rest.iter().position(|&byte| byte == b'\n').ok_or("a line without an end")?;
        self.position += end + 1;
        Ok(&rest[..end])
    }

    fn push(&mut self, node: Node<'file>) {
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
    }

    fn pop(&mut self) -> Result<NodeId, String> {
        self.stack.pop().ok_or_else(|| "takes from an empty stack".to_owned())
    }

    fn top(&mut self) -> Result<&mut Node<'file>, String> {
        let id = *self.stack.last().ok_or("takes from an empty stack")?;
        Ok(&mut self.nodes[id])
    }

    fn since_mark(&mut self) -> Result<Vec<NodeId>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len()).ok_or("a mark is missing")?;
        Ok(self.stack.split_off(mark))
    }

    fn integer(&mut self, instruction: u8) -> Result<(), String> {
        let value = match instruction {
            b'J' => i64::from(self.number(4)? as u32 as i32),
            b'K' => self.number(1)? as i64,
            b'M' => self.number(2)? as i64,
            _ => {
                let length = self.number(1)? as usize;
                if length > 8 {
                    return Err(format!("an integer of {length} bytes"));
                }
                let unused_bits = 64 - 8 * length as u32;
                // Shifting up and down again copies the sign bit.
                if length == 0 { 0 } else { (self.number(length)? << unused_bits) as i64 >> unused_bits }
            }
        };
        self.push(Node::Int(value));
        Ok(())
    }

    fn text_integer(&mut self) -> Result<(), String> {
        let node = match self.line()? {
            b"00" => Node::Bool(false),
            b"01" => Node::Bool(true),
            digits => {
                let text = std::str::from_utf8(digits).map_err(|error| error.to_string())?;
                Node::Int(text.parse().map_err(|_| format!("\"{text}\" is not an integer"))?)
            }
        };
        self.push(node);
        Ok(())
    }

    fn string(&mut self, instruction: u8) -> Result<(), String> {
        let length = match instruction {
            b'U' | b'C' | 0x8c => self.number(1)?,
            b'T' | b'X' | b'B' => self.number(4)?,
            _ => self.number(8)?,
        };
        let length = usize::try_from(length).map_err(|error| error.to_string())?;
        let bytes = self.take(length)?;
        self.push(Node::Bytes(bytes));
        Ok(())
    }

    fn tuple_of(&mut self, count: usize) -> Result<(), String> {
        let start = self.stack.len().checked_sub(count).ok_or("takes from an empty stack")?;
        let items = self.stack.split_off(start);
        self.push(Node::Tuple(items));
        Ok(())
    }

    fn append(&mut self, instruction: u8) -> Result<(), String> {
        let new = if instruction == b'a' { vec![self.pop()?] } else { self.since_mark()? };
        match self.top()? {
            Node::List(items) => items.extend(new),
            other => return Err(format!("appends to {}", other.kind())),
        }
        Ok(())
    }

    fn set_items(&mut self, instruction: u8) -> Result<(), String> {
        let new = if instruction == b's' {
            let value = self.pop()?;
            vec![self.pop()?, value]
        } else {
            self.since_mark()?
        };
        match self.top()? {
            Node::Dict(items) | Node::Call { items, .. } => {
                items.extend(new.chunks_exact(2).map(|pair| (pair[0], pair[1])))
            }
            other => return Err(format!("sets items of {}", other.kind())),
        }
        Ok(())
    }

    fn global(&mut self) -> Result<(), String> {
        let module = self.line()?;
        let name = self.line()?;
        self.push(Node::Global { module, name });
        Ok(())
    }

    fn stack_global(&mut self) -> Result<(), String> {
        let (name, module) = (self.pop()?, self.pop()?);
        let (Node::Bytes(name), Node::Bytes(module)) = (&self.nodes[name], &self.nodes[module]) else {
            return Err("a name that is not a string".to_owned());
        };
        let node = Node::Global { module, name };
        self.push(node);
        Ok(())
    }

    fn call(&mut self) -> Result<(), String> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        self.push(Node::Call { function, arguments, state: None, items: Vec::new() });
        Ok(())
    }

    fn build(&mut self) -> Result<(), String> {
        let new_state = self.pop()?;
        match self.top()? {
            Node::Call { state, .. } => *state = Some(new_state),
            other => return Err(format!("sets the state of {}", other.kind())),
        }
        Ok(())
    }

    fn remember(&mut self, instruction: u8) -> Result<(), String> {
        let slot = match instruction {
            b'q' => self.number(1)? as u32,
            b'r' => self.number(4)? as u32,
            _ => self.memo.len() as u32,
        };
        let id = *self.stack.last().ok_or("takes from an empty stack")?;
        self.memo.insert(slot, id);
        Ok(())
    }

    fn recall(&mut self, instruction: u8) -> Result<(), String> {
        let slot = self.number(if instruction == b'h' { 1 } else { 4 })? as u32;
        let id = *self.memo.get(&slot).ok_or_else(|| format!("memo {slot} is empty"))?;
        self.stack.push(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_values() {
        // {'a': [1, 300, -2], 'b': (None, True)} as Python 2 writes it with protocol 2.
        let bytes = b"\x80\x02}q\x00(U\x01aq\x01]q\x02(K\x01M\x2c\x01J\xfe\xff\xff\xffeU\x01bq\x03N\x88\x86q\x04u.";
        let pickle = parse(bytes).unwrap();
        let entries = pickle.root_entries().unwrap();
        assert_eq!(entries.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [b"a", b"b"]);
        let Node::List(items) = pickle.node(entries[0].1) else { panic!("a list") };
        let numbers: Vec<String> = items.iter().map(|&item| pickle.node(item).kind()).collect();
        assert_eq!(numbers, ["the number 1", "the number 300", "the number -2"]);
        assert_eq!(pickle.node(entries[1].1).kind(), "a tuple of 2");
    }

    #[test]
    fn damage_is_an_error_with_its_place_and_never_a_panic() {
        assert!(parse(b"\x80\x02U\x09ab").unwrap_err().contains("7 bytes too early (at byte 2 of 6)"));
        assert!(parse(b"\x80\x02e.").unwrap_err().contains("mark is missing"));
        assert!(parse(b"\x80\x02h\x07.").unwrap_err().contains("memo 7"));
        assert!(parse(b"\x80\x02P0\n.").unwrap_err().contains("0x50"));
        assert!(parse(b"").is_err());
    }

    #[test]
    fn calls_are_recorded_and_not_made() {
        let pickle = parse(b"cos\nsystem\nU\x04true\x85R.").unwrap();
        assert!(matches!(pickle.node(pickle.root), Node::Call { state: None, .. }));
    }

    #[test]
    fn an_ordered_dict_of_references_reads_as_pytorch_writes_it() {
        let bytes = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01(X\x01\x00\x00\x00aX\x07\x00\x00\x00storageQu.";
        let pickle = parse(bytes).unwrap();
        let entries = pickle.root_entries().unwrap();
        assert_eq!(entries[0].0, b"a");
        let Node::Persistent(identifier) = pickle.node(entries[0].1) else { panic!("a reference") };
        assert!(matches!(pickle.node(*identifier), Node::Bytes(b"storage")));
        assert!(parse(b"cos\nenviron\n)R.").unwrap().root_entries().is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
