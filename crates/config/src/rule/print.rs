//! Tree -> canonical text.

use ipnet::IpNet;

use super::{Expr, Matcher, literal};

pub(super) fn print(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr, Binding::Loose);
    out
}

/// How tightly what stands around an expression binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Loose,
    Or,
    And,
    Not,
}

fn write_expr(out: &mut String, expr: &Expr, around: Binding) {
    match expr {
        Expr::Or(left, right) => write_chain(out, left, right, " || ", Binding::Or, around),
        Expr::And(left, right) => write_chain(out, left, right, " && ", Binding::And, around),
        Expr::Not(inner) => {
            out.push('!');
            write_expr(out, inner, Binding::Not);
        }
        Expr::Match(matcher) => write_matcher(out, matcher),
    }
}

fn write_chain(out: &mut String, left: &Expr, right: &Expr, operator: &str, own: Binding, around: Binding) {
    let parenthesised = around > own;
    if parenthesised {
        out.push('(');
    }
    write_expr(out, left, own);
    out.push_str(operator);
    write_expr(out, right, own);
    if parenthesised {
        out.push(')');
    }
}

fn write_matcher(out: &mut String, matcher: &Matcher) {
    match matcher {
        Matcher::Host(host) => write_call(out, "Host", &[&host.to_string()]),
        Matcher::HostRegexp(host) => write_call(out, "HostRegexp", &[host.source()]),
        Matcher::Method(method) => write_call(out, "Method", &[method]),
        Matcher::Path(path) => write_call(out, "Path", &[path]),
        Matcher::PathPrefix(path) => write_call(out, "PathPrefix", &[path]),
        Matcher::PathRegexp(path) => write_call(out, "PathRegexp", &[path.source()]),
        Matcher::Header { name, value } => write_call(out, "Header", &[name, value]),
        Matcher::HeaderRegexp { name, value } => write_call(out, "HeaderRegexp", &[name, value.source()]),
        Matcher::Query { key, value: None } => write_call(out, "Query", &[key]),
        Matcher::Query {
            key,
            value: Some(value),
        } => write_call(out, "Query", &[key, value]),
        Matcher::QueryRegexp { key, value: None } => write_call(out, "QueryRegexp", &[key]),
        Matcher::QueryRegexp {
            key,
            value: Some(value),
        } => write_call(out, "QueryRegexp", &[key, value.source()]),
        Matcher::ClientIp(net) => write_call(out, "ClientIP", &[&net_text(*net)]),
    }
}

fn net_text(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}

fn write_call(out: &mut String, function: &str, values: &[&str]) {
    out.push_str(function);
    out.push('(');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        literal::write(out, value);
    }
    out.push(')');
}
