//! Takes the secrets out of a URL, for whatever people or logs get to see.
//! Never fails: of text that is not a URL, everything that could be a password is still replaced.

/// `url` with its password and every query parameter that may carry one replaced by `***`.
///
/// ```
/// assert_eq!(quarry_lifecycle::mask_url("postgres://me:secret@host/db"), "postgres://me:***@host/db");
/// ```
#[must_use]
pub fn mask_url(url: &str) -> String {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, Some(query)),
        None => (url, None),
    };
    let mut masked = mask_user_info(base);
    if let Some(query) = query {
        let parameters: Vec<String> = query.split('&').map(mask_parameter).collect();
        masked.push('?');
        masked.push_str(&parameters.join("&"));
    }
    masked
}

fn mask_user_info(base: &str) -> String {
    let (scheme, rest) = match base.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), base),
    };
    // The last @: an unescaped one inside a password must not leave half of it in view.
    let Some((user_info, host)) = rest.rsplit_once('@') else {
        return base.to_owned();
    };
    match user_info.split_once(':') {
        Some((user, _)) => format!("{scheme}{user}:***@{host}"),
        // A lone token before the @ is how some endpoints take their key; a user name is no secret for Postgres.
        None if scheme.starts_with("http") => format!("{scheme}***@{host}"),
        None => base.to_owned(),
    }
}

fn mask_parameter(parameter: &str) -> String {
    const SECRET: [&str; 6] = ["password", "passwd", "token", "secret", "key", "sslkey"];
    match parameter.split_once('=') {
        Some((name, _)) if SECRET.iter().any(|secret| name.to_ascii_lowercase().contains(secret)) => {
            format!("{name}=***")
        }
        _ => parameter.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_tokens_are_replaced_and_nothing_else() {
        for (url, expected) in [
            ("postgres://me@host:5432/db", "postgres://me@host:5432/db"),
            ("postgres://me:p@ss:word@host/db", "postgres://me:***@host/db"),
            (
                "postgres://host/db?user=me&password=x&sslmode=require",
                "postgres://host/db?user=me&password=***&sslmode=require",
            ),
            ("https://token@host/v1", "https://***@host/v1"),
            ("https://host/v1?api_key=x", "https://host/v1?api_key=***"),
            ("me:secret@host", "me:***@host"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(mask_url(url), expected);
        }
    }
}
