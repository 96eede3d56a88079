//! Opens a file and takes off its compression, told by its first bytes and not by its name.
//!
//! gzip, xz and zstd, also one inside the other, all in safe Rust. What the bytes inside mean is for the task's readers.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use aees_run::input;

use crate::error::{DataError, DataResult};

const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A file inside a file inside a file is an accident or an attack.
const MAX_LAYERS: usize = 3;

/// More than any file of the tasks unpacks to; the largest has 154 MB. What goes on is a bomb or a device.
pub(crate) const MOST_BYTES: u64 = 1 << 30;

/// A reader of the bytes inside all layers of compression, and the name of the outermost layer for error messages.
pub(crate) struct Unpacked<'a> {
    reader: Box<dyn BufRead + 'a>,
    layer: &'static str,
}

/// Opens a file on disk.
pub(crate) fn open(path: &Path) -> DataResult<Unpacked<'static>> {
    let file = input::open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DataError::MissingPath(path.to_owned()),
        _ => DataError::Read(path.to_owned(), source),
    })?;
    peel(Box::new(BufReader::with_capacity(1 << 16, file)), path)
}

/// Opens bytes that are already in memory (an archive's member); `path` is for messages.
pub(crate) fn open_bytes<'a>(bytes: &'a [u8], path: &Path) -> DataResult<Unpacked<'a>> {
    peel(Box::new(bytes), path)
}

fn peel<'a>(mut reader: Box<dyn BufRead + 'a>, path: &Path) -> DataResult<Unpacked<'a>> {
    let mut layer = "file";
    for _ in 0..MAX_LAYERS {
        let head = reader.fill_buf().map_err(|error| failure(path, layer, &error, 0))?;
        let (name, inner): (_, Box<dyn Read + 'a>) = if head.starts_with(GZIP) {
            ("gzip stream", Box::new(flate2::bufread::MultiGzDecoder::new(reader)))
        } else if head.starts_with(XZ) {
            ("xz stream", Box::new(lzma_rust2::XzReader::new(reader, true)))
        } else if head.starts_with(ZSTD) {
            ("zstd stream", Box::new(ZstdFrames::new(reader)))
        } else {
            return Ok(Unpacked { reader, layer });
        };
        layer = name;
        reader = Box::new(BufReader::with_capacity(1 << 16, inner));
    }
    Ok(Unpacked { reader, layer })
}

impl<'a> Unpacked<'a> {
    /// At most the first `count` bytes.
    pub(crate) fn head(self, path: &Path, count: u64) -> DataResult<Vec<u8>> {
        let mut bytes = Vec::new();
        let layer = self.layer;
        match self.reader.take(count).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(failure(path, layer, &error, bytes.len())),
        }
    }

    /// All bytes.
    pub(crate) fn all(self, path: &Path) -> DataResult<Vec<u8>> {
        let bytes = self.head(path, MOST_BYTES + 1)?;
        if bytes.len() as u64 > MOST_BYTES { Err(too_large(path)) } else { Ok(bytes) }
    }

    /// The reader itself, for archives that are read member by member.
    pub(crate) fn into_reader(self) -> Box<dyn BufRead + 'a> {
        self.reader
    }
}

/// What is larger than any file of the tasks.
pub(crate) fn too_large(path: &Path) -> DataError {
    DataError::unusable(path, format!("unpacks to more than {} MiB, which no file of the tasks does", MOST_BYTES >> 20))
}

fn failure(path: &Path, layer: &'static str, error: &std::io::Error, unpacked: usize) -> DataError {
    if layer == "file" {
        let source = std::io::Error::new(error.kind(), error.to_string());
        return DataError::Read(path.to_owned(), source);
    }
    DataError::damaged(path, layer, format!("{error} (after {unpacked} unpacked bytes)"))
}

/// zstd files may hold several frames, one after the other (`pzstd` and `cat` make them); ruzstd reads one at a time.
struct ZstdFrames<R: BufRead> {
    frame: Option<ruzstd::decoding::StreamingDecoder<R, ruzstd::decoding::FrameDecoder>>,
    rest: Option<R>,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(reader: R) -> Self {
        Self { frame: None, rest: Some(reader) }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let count = frame.read(out)?;
                if count > 0 || out.is_empty() {
                    return Ok(count);
                }
                self.rest = self.frame.take().map(ruzstd::decoding::StreamingDecoder::into_inner);
            }
            let Some(mut reader) = self.rest.take() else { return Ok(0) };
            if reader.fill_buf()?.is_empty() {
                return Ok(0);
            }
            let frame = ruzstd::decoding::StreamingDecoder::new(reader).map_err(std::io::Error::other)?;
            self.frame = Some(frame);
        }
    }
}
