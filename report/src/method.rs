//! The settings of the method that a record tells.

use aees_control::{MethodSettings, MethodValue, settings::SettingNumber};

use crate::record::RunRecord;

/// The settings of the method; what the file does not name has its default.
pub(crate) fn method_settings(run: &RunRecord) -> Result<MethodSettings, String> {
    let mut method = MethodSettings::default();
    for row in MethodSettings::rows() {
        let Some(written) = run.config.get(row.key).filter(|value| !value.is_null()) else { continue };
        let read = match row.default {
            MethodValue::Word(_) => written.as_str().map(MethodValue::Word),
            MethodValue::Number(default) => written.as_f64().map(|number| match default {
                // Whole numbers may be written as 3.0.
                SettingNumber::Integer(_) => MethodValue::Number(SettingNumber::Integer(number as i64)),
                SettingNumber::Real(_) => MethodValue::Number(SettingNumber::Real(number)),
            }),
        };
        let read = read.ok_or_else(|| format!("its {} is {written}", row.key))?;
        method.set(row.key, read).map_err(|error| error.to_string())?;
    }
    // What the reader understood counts more than what the file wrote.
    method.set("context_mode", MethodValue::Word(&run.context_mode)).map_err(|error| error.to_string())?;
    Ok(method)
}
