//! The array as a file: .npz for NumPy, .safetensors, and a tidy .csv.

use std::io::{self, Cursor, Write};

use serde_json::{Map, Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Tensor, numpy};
use crate::csv::{Csv, Field};

/// An .npz: `values`, `mask`, the coordinates `setting`, `step` and `seed`, and `axes` and `metric` to say what they are.
/// The same array gives the same bytes.
///
/// # Errors
/// Those of the archive, such as more than 4 GiB.
pub fn npz(tensor: &Tensor) -> io::Result<Vec<u8>> {
    let shape = tensor.shape();
    let members = [
        ("values", numpy::npy("<f8", &shape, &floats(&tensor.values))),
        ("mask", numpy::npy("|b1", &shape, &booleans(&tensor.mask))),
        ("axes", numpy::texts(&tensor.axes.map(|axis| axis.name()))),
        ("setting", numpy::texts(&tensor.settings)),
        ("step", numpy::npy("<i8", &[tensor.steps.len()], &integers(&tensor.steps))),
        ("seed", numpy::npy("<i8", &[tensor.seeds.len()], &integers(&tensor.seeds))),
        ("metric", numpy::texts(&[&tensor.metric])),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in members {
        archive.start_file(format!("{name}.npy"), options.large_file(bytes.len() >= 1 << 31))?;
        archive.write_all(&bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn floats(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn integers(values: &[i64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn booleans(values: &[bool]) -> Vec<u8> {
    values.iter().map(|value| u8::from(*value)).collect()
}

/// A .safetensors: `values` (F64), `mask` (BOOL), `step` and `seed` (I64); texts are in its metadata: `axes` and `setting`
/// as JSON lists, `metric`.
pub fn safetensors(tensor: &Tensor) -> Vec<u8> {
    let shape = tensor.shape();
    // The truth values last, so that every number is aligned.
    let parts: [(&str, &str, Vec<usize>, Vec<u8>); 4] = [
        ("values", "F64", shape.to_vec(), floats(&tensor.values)),
        ("step", "I64", vec![tensor.steps.len()], integers(&tensor.steps)),
        ("seed", "I64", vec![tensor.seeds.len()], integers(&tensor.seeds)),
        ("mask", "BOOL", shape.to_vec(), booleans(&tensor.mask)),
    ];
    let metadata = json!({
        "axes": json!(tensor.axes.map(|axis| axis.name())).to_string(),
        "metric": tensor.metric,
        "setting": json!(tensor.settings).to_string(),
    });
    let mut header = Map::from_iter([("__metadata__".to_owned(), metadata)]);
    let mut end = 0;
    for (name, kind, shape, bytes) in &parts {
        let begin = end;
        end += bytes.len();
        header.insert((*name).into(), json!({"dtype": kind, "shape": shape, "data_offsets": [begin, end]}));
    }
    let mut header = Value::Object(header).to_string();
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    parts.iter().for_each(|(.., bytes)| file.extend(bytes));
    file
}

/// A tidy .csv: one row for each value, with the seed, the step and a column for each key of the settings.
pub fn csv(tensor: &Tensor) -> String {
    let mut header: Vec<&str> = tensor.keys.iter().map(String::as_str).collect();
    header.extend(["seed", "step", &tensor.metric]);
    let mut csv = Csv::new(&header);
    for (row, attributes) in tensor.rows.iter().enumerate() {
        let columns: Vec<String> =
            tensor.keys.iter().map(|key| plain(attributes.json(key).unwrap_or_default())).collect();
        for (column, seed) in tensor.seeds.iter().enumerate() {
            for (index, step) in tensor.steps.iter().enumerate() {
                let place = tensor.place(row, index, column);
                if tensor.mask[place] {
                    let value = tensor.values[place].to_string();
                    let place: [Field; 2] = [(*seed).into(), (*step).into()];
                    csv.row(columns.iter().map(Field::from).chain(place).chain([value.as_str().into()]));
                }
            }
        }
    }
    csv.into_text()
}

/// A JSON value as a cell: a text without its quotes.
fn plain(json: &str) -> String {
    serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Dimension, tensor};
    use super::*;
    use crate::fixtures::{record, with};
    use crate::record::{Control, RunRecord};

    #[test]
    fn a_table_has_one_row_for_each_value_and_keeps_commas_together() {
        let random = |seed| RunRecord { control: Control::Random, ..record("cifar100", seed) };
        let one = with(random(0), json!({"lr_candidates": [0.5, 1.0]}));
        let other = with(random(3), json!({"lr_candidates": [1.0]}));
        let table = super::csv(&tensor(&[one, other], "val_accuracy", Dimension::ALL).unwrap());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 1 + 6);
        assert_eq!(lines[0], "lr_candidates,seed,step,val_accuracy");
        assert!(lines.contains(&"\"[0.5,1]\",0,2,0.3"), "{table}");
        assert!(lines.contains(&"[1],3,3,0.5"), "{table}");
    }

    #[test]
    fn the_same_array_gives_the_same_bytes() {
        let array = tensor(&[record("cifar100", 0), record("sst2", 1)], "train_loss", Dimension::ALL).unwrap();
        assert_eq!(npz(&array).unwrap(), npz(&array).unwrap());
        assert_eq!(safetensors(&array), safetensors(&array));
    }
}
