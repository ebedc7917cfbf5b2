//! Which git URLs may be cloned: by whom they were named, from which hosts, over which protocols.
//! Asked by the command line and the MCP server before a URL is stored, and by workers before they fetch it.
//! Looks up addresses of hosts, for tools only; contacts no server.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use quarry_lifecycle::Config;

use crate::git_url::{GitProtocol, GitUrl};

/// A resolver that takes longer is away.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(5);

/// What the settings say about git URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitPolicy {
    hosts: Hosts,
    protocols: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    /// Nobody made a list: what a person types is meant, what a tool sends is not enough.
    NotListed,
    Listed(Vec<String>),
    /// This machine clones nothing.
    Nothing,
}

/// Why a URL may not be cloned; every one names the setting that decides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitRefusal {
    /// Allow the protocol, or use another.
    #[error("git URLs with {protocol}:// are not allowed here (git.allowed_protocols is {allowed})")]
    Protocol {
        /// That of the URL.
        protocol: &'static str,
        /// Those that are allowed.
        allowed: String,
    },
    /// Put the host on the list.
    #[error(
        "repositories of {host} may not be cloned here: git.allowed_hosts (QUARRY_GIT_ALLOWED_HOSTS) does not name it"
    )]
    Host {
        /// That of the URL.
        host: String,
    },
    /// Make a list.
    #[error(
        "a git URL that comes over MCP needs a list of allowed hosts: the person who runs this can set git.allowed_hosts \
         (QUARRY_GIT_ALLOWED_HOSTS=github.com), or run `quarry index` with the URL"
    )]
    NoList,
    /// This machine is not to clone.
    #[error("this machine clones nothing: git.allowed_hosts is none")]
    Nothing,
    /// Name the host itself on the list, if it is meant.
    #[error(
        "{host} has an address in a private network: an agent may reach it only if git.allowed_hosts names the host itself"
    )]
    PrivateAddress {
        /// That of the URL.
        host: String,
    },
    /// Check its spelling, or try again later.
    #[error("the host {host} cannot be looked up")]
    UnknownHost {
        /// That of the URL.
        host: String,
    },
    /// Give the directory.
    #[error("a file:// URL is not taken over MCP: give the path of the directory")]
    LocalDisk,
}

impl GitPolicy {
    /// Takes the policy from the settings.
    #[must_use]
    pub fn from_config(config: &Config) -> GitPolicy {
        let hosts = match config.git_allowed_hosts() {
            None => Hosts::NotListed,
            Some(listed) if listed == ["none"] => Hosts::Nothing,
            Some(listed) => Hosts::Listed(listed.into_iter().map(str::to_owned).collect()),
        };
        let protocols = config.git_allowed_protocols();
        GitPolicy {
            hosts,
            protocols: protocols.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Whether this machine clones anything at all.
    #[must_use]
    pub fn clones_something(&self) -> bool {
        self.hosts != Hosts::Nothing
    }

    /// The protocols in the form of `GIT_ALLOW_PROTOCOL`.
    #[must_use]
    pub fn protocols_for_git(&self) -> String {
        self.protocols.join(":")
    }

    /// Whether a URL may be cloned that a person typed, or that was let in before.
    ///
    /// # Errors
    /// [`GitRefusal`] says which setting refuses it.
    pub fn check(&self, url: &GitUrl) -> Result<(), GitRefusal> {
        if self.hosts == Hosts::Nothing {
            return Err(GitRefusal::Nothing);
        }
        let protocol = url.protocol().as_str();
        if !self.protocols.iter().any(|allowed| allowed == protocol) {
            return Err(GitRefusal::Protocol {
                protocol,
                allowed: self.protocols.join(","),
            });
        }
        // A list of hosts says nothing about this machine's disk; that `file` is allowed does.
        if url.protocol() != GitProtocol::File && self.rank(url.host()) == Rank::Unlisted {
            return Err(GitRefusal::Host {
                host: url.host().to_owned(),
            });
        }
        Ok(())
    }

    /// Whether a URL may be cloned that came over MCP, from an agent that may have been talked into it. Looks up the host
    /// unless the list names it: what is behind `*` must not be this machine or its network.
    ///
    /// # Errors
    /// [`GitRefusal`] says which setting refuses it.
    pub async fn check_for_tool(&self, url: &GitUrl) -> Result<(), GitRefusal> {
        if self.hosts == Hosts::NotListed {
            return Err(GitRefusal::NoList);
        }
        if url.protocol() == GitProtocol::File {
            return Err(GitRefusal::LocalDisk);
        }
        self.check(url)?;
        if self.rank(url.host()) == Rank::Named {
            return Ok(());
        }
        let host = url.host().to_owned();
        let name = host.trim_matches(['[', ']']).to_owned();
        let looked_up = tokio::time::timeout(LOOK_UP_WITHIN, tokio::net::lookup_host((name, 443))).await;
        let addresses = match looked_up {
            Ok(Ok(addresses)) => addresses,
            _ => return Err(GitRefusal::UnknownHost { host }),
        };
        if addresses.map(|address| address.ip()).any(is_private) {
            return Err(GitRefusal::PrivateAddress { host });
        }
        Ok(())
    }

    fn rank(&self, host: &str) -> Rank {
        match &self.hosts {
            Hosts::NotListed => Rank::Matched,
            Hosts::Nothing => Rank::Unlisted,
            Hosts::Listed(patterns) if patterns.iter().any(|pattern| pattern == host) => Rank::Named,
            Hosts::Listed(patterns) if patterns.iter().any(|pattern| matches(pattern, host)) => Rank::Matched,
            Hosts::Listed(_) => Rank::Unlisted,
        }
    }
}

#[derive(PartialEq, Eq)]
enum Rank {
    /// By its own name.
    Named,
    /// By a pattern, or because there is no list.
    Matched,
    Unlisted,
}

/// `*` is every host, `*.example.org` every one below example.org.
fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len(),
        None => false,
    }
}

/// Addresses that mean this machine, its network, or the metadata service of a cloud.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => {
            let first = address.segments()[0];
            let embedded = match address.segments() {
                // NAT64 and 6to4 carry an IPv4 address.
                [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
                    let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
                    Some(Ipv4Addr::new(a, b, c, d))
                }
                _ => None,
            };
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || (first & 0xfe00) == 0xfc00 // unique local
                || (first & 0xffc0) == 0xfe80 // link-local
                || (first & 0xffc0) == 0xfec0 // site-local, of old
                || embedded.is_some_and(is_private_v4)
        }
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || a == 0
        || (a == 100 && (64..128).contains(&b)) // carriers' NAT
        || (a == 198 && (18..20).contains(&b)) // benchmarks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // tests

    use super::*;

    fn policy(hosts: Hosts) -> GitPolicy {
        GitPolicy {
            hosts,
            protocols: vec!["https".to_owned(), "ssh".to_owned()],
        }
    }

    fn listed(patterns: &[&str]) -> GitPolicy {
        policy(Hosts::Listed(
            patterns.iter().map(|&pattern| pattern.to_owned()).collect(),
        ))
    }

    fn url(text: &str) -> GitUrl {
        GitUrl::parse(text).unwrap()
    }

    #[test]
    fn what_a_person_types_needs_no_list_but_obeys_one() {
        let typed = url("https://example.org/team/repo");
        assert_eq!(policy(Hosts::NotListed).check(&typed), Ok(()));
        assert_eq!(policy(Hosts::Nothing).check(&typed), Err(GitRefusal::Nothing));
        for (patterns, allowed) in [
            (&["example.org"][..], true),
            (&["*"], true),
            (&["other.org", "example.org"], true),
            (&["*.example.org"], false),
            (&["example.or"], false),
            (&["ample.org"], false),
        ] {
            assert_eq!(listed(patterns).check(&typed).is_ok(), allowed, "{patterns:?}");
        }
        let below = url("https://git.example.org/r");
        assert!(listed(&["*.example.org"]).check(&below).is_ok());
        assert!(
            listed(&["*.example.org"])
                .check(&url("https://evilexample.org/r"))
                .is_err()
        );
    }

    #[test]
    fn other_protocols_need_the_setting() {
        for text in ["http://example.org/r", "git://example.org/r", "file:///srv/r"] {
            let refused = policy(Hosts::NotListed).check(&url(text)).unwrap_err().to_string();
            assert!(refused.contains("git.allowed_protocols"), "{refused}");
        }
    }

    #[tokio::test]
    async fn what_comes_over_mcp_needs_a_list() {
        let sent = url("https://example.org/r");
        assert_eq!(
            policy(Hosts::NotListed).check_for_tool(&sent).await,
            Err(GitRefusal::NoList)
        );
        assert_eq!(listed(&["example.org"]).check_for_tool(&sent).await, Ok(()));
        let refused = listed(&["github.com"]).check_for_tool(&sent).await;
        assert!(matches!(refused, Err(GitRefusal::Host { .. })));
        let mut with_file = listed(&["*"]);
        with_file.protocols.push("file".to_owned());
        assert_eq!(
            with_file.check_for_tool(&url("file:///etc")).await,
            Err(GitRefusal::LocalDisk)
        );
    }

    #[tokio::test]
    async fn a_pattern_does_not_let_an_agent_into_the_private_network() {
        // Also the spellings that only a resolver understands.
        for text in [
            "https://127.0.0.1/r",
            "https://127.1/r",
            "https://2130706433/r",
            "https://0x7f000001/r",
            "https://0/r",
            "https://10.1.2.3/r",
            "https://172.16.0.1/r",
            "https://192.168.1.1/r",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/r",
            "https://[::1]/r",
            "https://[::ffff:127.0.0.1]/r",
            "https://[fe80::1]/r",
            "https://[fd00::1]/r",
            "https://[64:ff9b::7f00:1]/r",
            "https://[2002:7f00:1::]/r",
            "https://localhost/r",
            "ssh://git@127.0.0.1/r",
        ] {
            let url = url(text);
            let refused = listed(&["*"]).check_for_tool(&url).await.unwrap_err();
            assert!(
                matches!(
                    refused,
                    GitRefusal::PrivateAddress { .. } | GitRefusal::UnknownHost { .. }
                ),
                "{text}: {refused}"
            );
            assert_eq!(
                listed(&[url.host()]).check_for_tool(&url).await,
                Ok(()),
                "named: {text}"
            );
        }
        let public = url("https://[2001:4860:4860::8888]/r");
        assert_eq!(listed(&["*"]).check_for_tool(&public).await, Ok(()));
    }
}
