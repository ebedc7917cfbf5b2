//! Reads the Retry-After header: a number of seconds, or the date format that HTTP prescribes.
//! Hands the wait to `transport.rs`, which passes it on with the failure; caps nothing: see `retry.rs`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the header asks to wait, counted from `now`; `None` where it is neither form. A past date asks for no wait.
pub(crate) fn read_retry_after(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = UNIX_EPOCH + Duration::from_secs(http_date_seconds(header)?);
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

/// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`. The two obsolete forms are not read.
fn http_date_seconds(date: &str) -> Option<u64> {
    let mut parts = date.split_once(", ")?.1.split(' ');
    let day: u64 = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let name = parts.next()?;
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|month| *month == name)?;
    let year: u64 = parts.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut time = parts.next()?.split(':').map(str::parse::<u64>);
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    if hour > 23 || minute > 59 || second > 60 || parts.next()? != "GMT" {
        return None;
    }
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let leap_days_before = |year: u64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    let days_before_month = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month];
    let days = (year - 1970) * 365 + leap_days_before(year) - leap_days_before(1970)
        + days_before_month
        + u64::from(month > 1 && is_leap(year))
        + (day - 1);
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
        let wait = |header| read_retry_after(header, now);
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(wait("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("Sun, 99 Nov 1994 08:49:37 GMT"), None);
    }

    #[test]
    fn leap_years_are_counted() {
        assert_eq!(http_date_seconds("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
        assert_eq!(http_date_seconds("Wed, 01 Mar 2000 00:00:00 GMT"), Some(951_868_800));
        assert_eq!(http_date_seconds("Fri, 01 Mar 2024 12:00:00 GMT"), Some(1_709_294_400));
    }
}
