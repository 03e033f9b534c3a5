//! What commands print: a table or lines for people, JSON for programs.

use serde_json::Value;

/// Print a list: a table of these columns, or with `json` the whole of it.
pub fn list(json: bool, items: &[Value], columns: &[&str]) {
    if json {
        println!("{}", Value::from(items.to_vec()));
    } else {
        print!("{}", drawn(items, columns));
    }
}

/// Print one thing: a line a field, or with `json` one line.
pub fn one(json: bool, item: &Value) {
    if json {
        println!("{item}");
    } else {
        print!("{}", fields(item));
    }
}

/// The columns as wide as their widest cell; the last one as long as it is.
fn drawn(items: &[Value], columns: &[&str]) -> String {
    let heads: Vec<String> = columns.iter().map(|column| column.to_uppercase()).collect();
    let row = |item: &Value| columns.iter().map(|column| cell(&item[*column])).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(items.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns.len()).filter_map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn fields(item: &Value) -> String {
    let Value::Object(fields) = item else { return format!("{}\n", cell(item)) };
    let widest = fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): (&String, &Value)| format!("{name:widest$}  {}", cell(value));
    fields.iter().map(line).map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A value on one line. What could steer a terminal is left out: names come from strangers.
pub fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    let shown = text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c });
    shown.filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let items = [
            json!({ "id": "a", "name": "Ann", "scopes": ["x", "y"] }),
            json!({ "id": "bcd", "name": null }),
        ];
        let table = "ID   NAME  SCOPES\na    Ann   x y\nbcd\n";
        assert_eq!(drawn(&items, &["id", "name", "scopes"]), table);
        assert_eq!(drawn(&[], &["id"]), "ID\n");
    }

    #[test]
    fn a_name_does_not_steer_the_terminal() {
        assert_eq!(cell(&json!("a\u{1b}[2Jb\nc")), "a[2Jb c");
        assert_eq!(fields(&json!({ "id": 1, "name": "x" })), "id    1\nname  x\n");
    }
}
