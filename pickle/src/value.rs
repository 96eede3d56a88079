//! The values of a pickle: nodes in one list that refer to each other by number, because a pickle may share and nest them.

/// The place of a node in [`Pickle::nodes`].
pub type NodeId = usize;

/// One value. Byte strings are slices of the file: the images are not copied.
#[derive(Debug)]
pub enum Node<'file> {
    /// Python's `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A fractional number. No file format here needs its value.
    Float,
    /// A Python 2 `str`, Python 3 `bytes`, or the UTF-8 of a Python 3 `str`.
    Bytes(&'file [u8]),
    /// A list.
    List(Vec<NodeId>),
    /// A tuple.
    Tuple(Vec<NodeId>),
    /// A dict: keys and values in the order of the file.
    Dict(Vec<(NodeId, NodeId)>),
    /// The name of a class or function. It is only compared, never looked up.
    Global {
        /// The module that has it.
        module: &'file [u8],
        /// Its own name.
        name: &'file [u8],
    },
    /// What a call of `function(arguments)` would give.
    Call {
        /// A [`Global`](Self::Global), in well-formed files.
        function: NodeId,
        /// A [`Tuple`](Self::Tuple), in well-formed files.
        arguments: NodeId,
        /// The state that was set on the result afterwards.
        state: Option<NodeId>,
        /// Keys and values that were set on the result afterwards, as on an `OrderedDict`.
        items: Vec<(NodeId, NodeId)>,
    },
    /// A reference to something outside the pickle, by an identifier: PyTorch's storages.
    Persistent(NodeId),
}

impl Node<'_> {
    /// What to call the value in a message.
    pub fn kind(&self) -> String {
        match self {
            Self::None => "None".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => format!("the number {value}"),
            Self::Float => "a fractional number".to_owned(),
            Self::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Tuple(items) => format!("a tuple of {}", items.len()),
            Self::Dict(items) => format!("a dict of {}", items.len()),
            Self::Global { name, .. } => format!("the name {}", String::from_utf8_lossy(name)),
            Self::Call { .. } => "an object".to_owned(),
            Self::Persistent(_) => "a reference to something outside".to_owned(),
        }
    }
}

/// A whole pickle.
#[derive(Debug)]
pub struct Pickle<'file> {
    /// Every value that the file makes, in its order.
    pub nodes: Vec<Node<'file>>,
    /// The value of the file.
    pub root: NodeId,
}

impl<'file> Pickle<'file> {
    /// The node of that number.
    pub fn node(&self, id: NodeId) -> &Node<'file> {
        &self.nodes[id]
    }

    /// The entries of the root, if it is a dict or an `OrderedDict` whose keys are all strings.
    pub fn root_entries(&self) -> Option<Vec<(&'file [u8], NodeId)>> {
        let entries = match self.node(self.root) {
            Node::Dict(entries) => entries,
            Node::Call { function, items, .. } => match self.node(*function) {
                Node::Global { module: b"collections", name: b"OrderedDict" } => items,
                _ => return None,
            },
            _ => return None,
        };
        entries
            .iter()
            .map(|&(key, value)| match self.node(key) {
                Node::Bytes(key) => Some((*key, value)),
                _ => None,
            })
            .collect()
    }
}
