//! The attachments of a resource as people see them: what each is called, and where its content is.
//!
//! <https://hl7.org/fhir/R4/datatypes.html#Attachment>. An element with a media type and with data or a URL is one; a Binary
//! is one as a whole. URLs that lead to a Binary of this server are told from others, because only these are links.

use super::binary::BINARY;
use super::json::Tree;
use super::name::literal_reference;

/// The most attachments that are listed.
const MOST: usize = 100;

/// An attachment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAttachment<'t> {
    /// What it is called.
    pub title: Option<&'t str>,
    /// Its media type.
    pub content_type: &'t str,
    /// Where its content is.
    pub content: AttachmentContent<'t>,
}

/// Where the content of an attachment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttachmentContent<'t> {
    /// In the resource, as base64.
    Data(&'t str),
    /// In the Binary with this id.
    Binary(&'t str),
    /// At a URL elsewhere.
    Elsewhere(&'t str),
}

/// Lists the attachments of a resource, in their order. `base` is that of this server's resources, with its last slash.
pub fn attachments<'t>(resource: &'t Tree<'t>, base: &str) -> Vec<ListedAttachment<'t>> {
    let mut found = Vec::new();
    // The first of these is next: depth costs no stack.
    let mut waiting = vec![resource];
    while let Some(tree) = waiting.pop() {
        if found.len() == MOST {
            break;
        }
        found.extend(attachment(tree, base));
        match tree {
            Tree::Array(values) => waiting.extend(values.iter().rev()),
            Tree::Object(members) => waiting.extend(members.iter().rev().map(|(_, value)| value)),
            _ => {}
        }
    }
    found
}

fn attachment<'t>(tree: &'t Tree<'t>, base: &str) -> Option<ListedAttachment<'t>> {
    let member = |name: &str| tree.get(name).and_then(Tree::as_text);
    let content_type = member("contentType")?;
    let of_binary = || member("content").filter(|_| member("resourceType") == Some(BINARY));
    let content = match member("data").or_else(of_binary) {
        Some(data) => AttachmentContent::Data(data),
        None => {
            let url = member("url")?;
            match own_reference(url, base) {
                Some((BINARY, id)) => AttachmentContent::Binary(id),
                _ => AttachmentContent::Elsewhere(url),
            }
        }
    };
    Some(ListedAttachment { title: member("title"), content_type, content })
}

/// Type and id of what a reference or a URL names on this server, whose resources have the URL `base`; `None` for what is
/// elsewhere or no resource.
pub fn own_reference<'l>(link: &'l str, base: &str) -> Option<(&'l str, &'l str)> {
    let (of_link, name) = literal_reference(link)?;
    (of_link.is_empty() || of_link == base).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_binaries_of_this_server_are_links() {
        let text = r#"{"resourceType":"DocumentReference","content":[
            {"attachment":{"contentType":"text/plain","data":"QQ==","title":"a"}},
            {"attachment":{"contentType":"a/b","url":"Binary/1"}},
            {"attachment":{"contentType":"a/b","url":"http://own/fhir/Binary/2"}},
            {"attachment":{"contentType":"a/b","url":"http://other/fhir/Binary/2"}},
            {"attachment":{"contentType":"a/b","url":"javascript:alert(1)"}},
            {"attachment":{"contentType":"a/b"}}]}"#;
        let tree = Tree::parse(text).unwrap();
        let found = attachments(&tree, "http://own/fhir/");
        let contents: Vec<_> = found.iter().map(|one| one.content.clone()).collect();
        assert_eq!(
            contents,
            [
                AttachmentContent::Data("QQ=="),
                AttachmentContent::Binary("1"),
                AttachmentContent::Binary("2"),
                AttachmentContent::Elsewhere("http://other/fhir/Binary/2"),
                AttachmentContent::Elsewhere("javascript:alert(1)"),
            ]
        );
        assert_eq!((found[0].title, found[0].content_type), (Some("a"), "text/plain"));
    }
}
