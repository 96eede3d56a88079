//! The values of a pickle: nodes in one list that refer to each other by number, because a pickle may share and nest them.

/// The place of a node in [`Pickle::nodes`].
pub(crate) type NodeId = usize;

/// One value. Byte strings are slices of the file: the images are not copied.
#[derive(Debug)]
pub(crate) enum Node<'file> {
    None,
    Bool(bool),
    Int(i64),
    Float,
    /// A Python 2 `str`, Python 3 `bytes`, or the UTF-8 of a Python 3 `str`.
    Bytes(&'file [u8]),
    List(Vec<NodeId>),
    Tuple(Vec<NodeId>),
    Dict(Vec<(NodeId, NodeId)>),
    /// The name of a class or function. It is only compared, never looked up.
    Global {
        module: &'file [u8],
        name: &'file [u8],
    },
    /// What a call of `function(arguments)` would give, with the state that was set on it afterwards.
    Call {
        function: NodeId,
        arguments: NodeId,
        state: Option<NodeId>,
    },
}

impl Node<'_> {
    /// What to call the value in a message.
    pub(crate) fn kind(&self) -> String {
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
        }
    }
}

/// A whole pickle.
#[derive(Debug)]
pub(crate) struct Pickle<'file> {
    pub(crate) nodes: Vec<Node<'file>>,
    pub(crate) root: NodeId,
}

impl<'file> Pickle<'file> {
    pub(crate) fn node(&self, id: NodeId) -> &Node<'file> {
        &self.nodes[id]
    }

    /// The entries of the root dict, if it is one whose keys are all strings.
    pub(crate) fn root_entries(&self) -> Option<Vec<(&'file [u8], NodeId)>> {
        let Node::Dict(entries) = self.node(self.root) else { return None };
        entries
            .iter()
            .map(|&(key, value)| match self.node(key) {
                Node::Bytes(key) => Some((*key, value)),
                _ => None,
            })
            .collect()
    }
}
