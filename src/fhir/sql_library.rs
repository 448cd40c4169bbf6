//! A Library with SQL: the profile SQLQuery.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-SQLQuery.html>. It has the SQL in the dialect that fits best, the tables that
//! the SQL names, and its parameters. Nothing is run here, and the SQL is not read.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::json::Tree;
use super::name::short;

/// The media type of SQL.
const SQL: &str = "application/sql";
/// The dialect that runs here.
const DIALECT: &str = "sqlite";
/// What the names of SQLite's own tables begin with.
const OF_SQLITE: &str = "sqlite_";

/// A Library with SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlLibrary {
    /// The SQL.
    pub sql: String,
    /// The tables that it reads.
    pub tables: Vec<SqlTable>,
    /// The parameters that its placeholders stand for.
    pub parameters: Vec<DeclaredParameter>,
}

/// A table that SQL reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlTable {
    /// Its name in the SQL.
    pub label: String,
    /// The canonical URL of the view; `|version` may follow.
    pub view: String,
}

/// A parameter of a Library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredParameter {
    /// Its name: `:name` in the SQL.
    pub name: String,
    /// Its type: `date`.
    pub type_name: String,
    /// Whether a value must be given.
    pub is_required: bool,
}

impl DeclaredParameter {
    /// The element that has a value of its type: `valueDate`.
    pub fn element(&self) -> String {
        let mut letters = self.type_name.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        format!("value{first}{}", letters.as_str())
    }
}

impl SqlLibrary {
    /// Reads the JSON of a Library.
    ///
    /// # Errors
    /// What is wrong, and where in the Library.
    pub fn read(json: &str) -> Result<SqlLibrary, String> {
        let tree = Tree::parse(json)?;
        let (mut tables, mut parameters) = (Vec::new(), Vec::new());
        for (number, related) in list(&tree, "relatedArtifact").iter().enumerate() {
            if text(related, "type") == "depends-on" {
                tables.push(
                    table(related, &tables).map_err(|why| at("relatedArtifact", number, &why))?,
                );
            }
        }
        for (number, one) in list(&tree, "parameter").iter().enumerate() {
            let (name, type_name) = (text(one, "name"), text(one, "type"));
            if name.is_empty() || type_name.is_empty() {
                return Err(at("parameter", number, "should have a name and a type"));
            }
            if !matches!(text(one, "use"), "in" | "") {
                return Err(at("parameter", number, "should have the use in"));
            }
            let is_required = matches!(one.get("min"), Some(Tree::Number(min)) if *min != "0");
            let (name, type_name) = (name.to_owned(), type_name.to_owned());
            parameters.push(DeclaredParameter { name, type_name, is_required });
        }
        Ok(SqlLibrary { sql: sql_of(list(&tree, "content"))?, tables, parameters })
    }
}

fn list<'t>(tree: &'t Tree<'t>, name: &str) -> &'t [Tree<'t>] {
    tree.get(name).map(Tree::values).unwrap_or_default()
}

fn text<'t>(tree: &'t Tree<'t>, name: &str) -> &'t str {
    tree.get(name).and_then(Tree::as_text).unwrap_or_default()
}

fn at(element: &str, number: usize, why: &str) -> String {
    format!("{element}[{number}]: {why}")
}

/// A table of the SQL; `before` are those that stand before it.
fn table(related: &Tree<'_>, before: &[SqlTable]) -> Result<SqlTable, String> {
    let (label, view) = (text(related, "label"), text(related, "resource"));
    let is_name = label.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !label.to_ascii_lowercase().starts_with(OF_SQLITE);
    if !is_name {
        let shown = short(label);
        return Err(format!(
            "the label {shown:?} names no table: it should be letters, digits and underscores"
        ));
    }
    if before.iter().any(|table| table.label.eq_ignore_ascii_case(label)) {
        return Err(format!("the label {:?} is given twice", short(label)));
    }
    if view.is_empty() {
        return Err("the resource should be the canonical URL of a ViewDefinition".to_owned());
    }
    Ok(SqlTable { label: label.to_owned(), view: view.to_owned() })
}

/// The SQL of an attachment: one of our dialect, else one without a dialect.
fn sql_of(content: &[Tree<'_>]) -> Result<String, String> {
    let dialect = |attachment: &Tree<'_>| {
        let kind = text(attachment, "contentType").to_ascii_lowercase();
        let mut parts = kind.split(';').map(str::trim);
        let is_sql = parts.next() == Some(SQL);
        let of = parts.find_map(|part| part.strip_prefix("dialect="));
        is_sql.then(|| of.unwrap_or_default().trim_matches('"').to_owned())
    };
    let found = [DIALECT, ""].into_iter().find_map(|wanted| {
        content.iter().enumerate().find(|(_, one)| dialect(one).as_deref() == Some(wanted))
    });
    let Some((number, attachment)) = found else {
        return Err(format!(
            "content: no attachment has the contentType {SQL} or {SQL};dialect={DIALECT}"
        ));
    };
    let wrong = |why: &str| at("content", number, why);
    let data: String = text(attachment, "data").split_whitespace().collect();
    if data.is_empty() {
        return Err(wrong("data should have the SQL as base64"));
    }
    let bytes = BASE64_STANDARD.decode(data).map_err(|_| wrong("data is no base64"))?;
    String::from_utf8(bytes).map_err(|_| wrong("data is no UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(members: &str) -> Result<SqlLibrary, String> {
        SqlLibrary::read(&format!(r#"{{"resourceType":"Library",{members}}}"#))
    }

    #[test]
    fn a_library_has_sql_tables_and_parameters() {
        let read = library(
            r#""relatedArtifact":[{"type":"documentation"},{"type":"depends-on","resource":"http://x/v|1","label":"p"}],
            "parameter":[{"name":"from","type":"dateTime","use":"in","min":1}],
            "content":[{"contentType":"application/sql;dialect=postgresql","data":"eA=="},
                {"contentType":"application/sql","data":"U0VMRUNU IDE="}]"#,
        )
        .unwrap();
        assert_eq!(read.sql, "SELECT 1");
        assert_eq!(
            read.tables,
            [SqlTable { label: "p".to_owned(), view: "http://x/v|1".to_owned() }]
        );
        assert_eq!(read.parameters[0].element(), "valueDateTime");
        assert!(read.parameters[0].is_required);
        let ours = r#""content":[{"contentType":"application/sql","data":"eA=="},
            {"contentType":"application/SQL; dialect=sqlite","data":"eQ=="}]"#;
        assert_eq!(library(ours).unwrap().sql, "y");
    }

    #[test]
    fn faults_name_their_place() {
        let content = r#""content":[{"contentType":"application/sql","data":"eA=="}]"#;
        let related =
            |rest: &str| format!(r#""relatedArtifact":[{{"type":"depends-on",{rest}}}],{content}"#);
        for (members, place) in [
            (String::new() + r#""content":[]"#, "content: "),
            (r#""content":[{"contentType":"text/plain"}]"#.to_owned(), "content: "),
            (r#""content":[{"contentType":"application/sql"}]"#.to_owned(), "content[0]: data"),
            (related(r#""resource":"x","label":"1x""#), "relatedArtifact[0]: the label"),
            (related(r#""resource":"x","label":"sqlite_x""#), "relatedArtifact[0]: the label"),
            (related(r#""label":"x""#), "relatedArtifact[0]: the resource"),
            (format!(r#""parameter":[{{"name":"x"}}],{content}"#), "parameter[0]: should"),
        ] {
            let fault = library(&members).unwrap_err();
            assert!(fault.starts_with(place), "{fault}");
        }
    }
}
