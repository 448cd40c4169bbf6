//! Reads Rust source text as far as the rules of `arrows.rs` need: which paths a file names, which
//! types it defines. Comments, strings and the file's own unit tests do not count.

/// A piece of source text that matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An identifier or a keyword.
    Word(String),
    /// `::`.
    Colons,
    /// Any other character that is not white space.
    Sign(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(found) if found == word)
    }
}

/// Cuts source text into tokens, up to the unit tests at its end.
pub fn tokens(text: &str) -> Vec<Token> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = literal_or_comment(rest);
        if skipped > 0 {
            rest = &rest[skipped..];
        } else if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else if let Some(after) = rest.strip_prefix("::") {
            tokens.push(Token::Colons);
            rest = after;
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    tokens
}

/// The length of the comment, string, character, lifetime or number at the beginning of a text; zero
/// where none stands there.
fn literal_or_comment(text: &str) -> usize {
    let until = |end: &str, from: usize| {
        text[from..].find(end).map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with("//") {
        return until("\n", 0);
    }
    if text.starts_with("/*") {
        return until("*/", 2);
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    }
    let raw = text.strip_prefix('b').unwrap_or(text);
    if let Some(hashes) = raw.strip_prefix('r')
        && hashes.trim_start_matches('#').starts_with('"')
    {
        let count = hashes.len() - hashes.trim_start_matches('#').len();
        let open = text.len() - hashes.len() + count + 1;
        return until(&format!("\"{}", "#".repeat(count)), open);
    }
    let open = text.len() - raw.len();
    match raw.chars().next() {
        Some('"') => open + quoted(raw, '"'),
        Some('\'') => {
            let mut after = raw[1..].chars();
            let is_character = after.next() == Some('\\') || after.next() == Some('\'');
            if is_character { open + quoted(raw, '\'') } else { open + 1 }
        }
        _ => 0,
    }
}

/// The length of a literal with its quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// Every path of two or more names, those inside the braces of a `use` written out.
pub fn paths(tokens: &[Token]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].is("use") {
            at = tree(tokens, at + 1, &[], &mut paths);
        } else if let (Token::Word(first), Some(Token::Colons)) = (&tokens[at], tokens.get(at + 1))
        {
            let mut path = vec![first.clone()];
            at += 1;
            while let (Some(Token::Colons), Some(Token::Word(next))) =
                (tokens.get(at), tokens.get(at + 1))
            {
                path.push(next.clone());
                at += 2;
            }
            paths.push(path);
        } else {
            at += 1;
        }
    }
    paths
}

/// Reads one branch of a `use`; the place behind it.
fn tree(tokens: &[Token], mut at: usize, above: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = above.to_vec();
    loop {
        match tokens.get(at) {
            Some(Token::Word(word)) if word == "as" => at += 2,
            Some(Token::Word(word)) => {
                path.push(word.clone());
                at += 1;
            }
            Some(Token::Colons) => at += 1,
            Some(Token::Sign('*')) => {
                path.push("*".to_owned());
                at += 1;
            }
            Some(Token::Sign('{')) => {
                at += 1;
                while !matches!(tokens.get(at), Some(Token::Sign('}')) | None) {
                    at = tree(tokens, at, &path, paths);
                    if matches!(tokens.get(at), Some(Token::Sign(','))) {
                        at += 1;
                    }
                }
                return at + 1;
            }
            _ => {
                paths.push(path);
                return at;
            }
        }
    }
}

/// The names of the types and traits that a file defines, associated types left out.
pub fn types(tokens: &[Token]) -> Vec<String> {
    let mut depth = 0;
    let mut types = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{') => depth += 1,
            Token::Sign('}') => depth -= 1,
            Token::Word(word) => {
                let defines = matches!(word.as_str(), "struct" | "enum" | "union" | "trait")
                    || (word == "type" && depth == 0);
                if let (true, Some(Token::Word(name))) = (defines, tokens.get(at + 1)) {
                    types.push(name.clone());
                }
            }
            _ => {}
        }
    }
    types
}
