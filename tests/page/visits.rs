//! Visits as a browser makes them, and what is read in the HTML that comes.

use crate::support::Served;
use crate::support::client::{Answer, send};
use crate::support::oneup::encoded;

/// Data that is put out unescaped somewhere would show here.
pub const HOSTILE: &str = "\"'><script>alert(1)</script>\u{202e}&amp;<b>";

/// Sends a form as a screen of this server does, with these cookies.
pub fn post(served: &Served, path: &str, cookies: &str, fields: &[(&str, &str)]) -> Answer {
    let own = format!("Origin: {}\r\nSec-Fetch-Site: same-origin\r\n", served.url);
    post_from(served, path, &format!("{own}Cookie: {cookies}\r\n"), fields)
}

/// Sends a form with these headers.
pub fn post_from(served: &Served, path: &str, headers: &str, fields: &[(&str, &str)]) -> Answer {
    let body = encoded(fields);
    let headers = format!(
        "{headers}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
        body.len()
    );
    send(served.authority(), "POST", path, &headers, body.as_bytes())
}

/// Asks for a screen with these cookies.
pub fn with_cookies(served: &Served, path: &str, cookies: &str) -> Answer {
    served.get_with(path, &format!("Cookie: {cookies}\r\n"))
}

/// The cookie that an answer sets, as the browser sends it back.
pub fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    set.split(';').next().expect("a pair").to_owned()
}

/// The values of an attribute in HTML, in their order.
pub fn attributes(html: &str, name: &str) -> Vec<String> {
    let begin = format!(" {name}=\"");
    html.split(&begin).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// The paths of the screens in the menu, of an open server without a path of its own.
pub fn screens(served: &Served) -> Vec<String> {
    let start = served.get("/");
    assert_eq!(start.status, 200);
    let html = start.text();
    let (_, menu) = html.split_once("<nav").expect("a menu");
    let (menu, _) = menu.split_once("</nav>").expect("the end of the menu");
    let screens = attributes(menu, "href");
    assert!(screens.contains(&"/".to_owned()) && screens.len() > 1, "{screens:?}");
    screens
}

/// Fails where hostile data stands in HTML as it is, or not at all.
pub fn assert_escaped(html: &str) {
    assert!(!html.contains("<script>alert") && !html.contains("<b>"), "{html}");
    assert!(html.contains("&#60;script&#62;alert(1)"), "it is not shown: {html}");
}
