//! The page from top to bottom.

use std::fmt::Write;

use super::{LoopStory, Page, Remark, details, figure, runs};
use crate::best::{Answer, Excluded, Ranking, words};
use crate::markup::{escaped, table};
use crate::number::Scale;
use crate::statistics::LEVEL;
use crate::tables;

/// How many settings of a group are shown; those out of the race always are.
const TOP: usize = 5;

/// The body.
pub(super) fn all(page: &Page) -> String {
    let mut text = head(page);
    let mut add = |id: &str, title: &str, content: String| {
        if !content.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "<section id=\"{id}\"><h2>{title}</h2>\n{content}</section>");
        }
    };
    add("alerts", "Read this first", alerts(&page.alerts));
    add("asked", "What was asked", facts(&page.asked));
    add("iterations", "What was tried", page.story.as_ref().map(LoopStory::section).unwrap_or_default());
    add("tables", "Tables", page.tables.iter().map(tables::html::write).collect());
    add("best", "Best settings", page.best.as_ref().map(best).unwrap_or_default());
    add("figures", "Figures", figure::figure_section(&page.figures));
    add("chart", "Curves", chart(page));
    add("runs-section", "Runs", runs::section(page));
    add("failures", "Failed runs", remarks(&page.failures));
    add("diverged", "Diverged runs", remarks(&page.diverged));
    add("missing", "Missing runs", remarks(&page.missing));
    add("notes", "Notes on the results", notes(page));
    add("commands", "Commands", commands(page));
    let provenance: Vec<(String, String)> =
        page.provenance.iter().map(|(name, values)| (name.clone(), values.join(", "))).collect();
    add("compute", "Total compute", facts(&page.compute));
    add("provenance", "Versions and machine", facts(&provenance));
    add("study-file", "Study file", file(&page.yaml));
    text += &details::element(page);
    let _ = writeln!(text, "</main>\n<footer>{}</footer>", escaped(&page.footer));
    text
}

fn head(page: &Page) -> String {
    let item = |(name, count): &(String, u64)| {
        format!("<li><span class=\"state {0}\">{0}</span> <b>{count}</b></li>", escaped(name))
    };
    let counts: String = page.counts.iter().map(item).collect();
    format!(
        "<header><div><h1>{}</h1><button type=\"button\" id=\"theme\" hidden>Dark or light</button></div>\n\
         <ul class=\"counts\">{counts}</ul></header>\n<main>\n",
        escaped(&page.title)
    )
}

fn alerts(alerts: &[String]) -> String {
    let items: String = alerts.iter().map(|alert| format!("<li>{}</li>\n", escaped(alert))).collect();
    if items.is_empty() { items } else { format!("<ul class=\"bad\" role=\"alert\">\n{items}</ul>\n") }
}

/// The room for what the script draws: all runs, and those that were opened.
fn chart(page: &Page) -> String {
    if page.details.iter().all(|run| run.curves.is_empty()) {
        return String::new();
    }
    "<p class=\"quiet\" id=\"chart-quiet\">Drawn by the page's script, which is switched off here.</p>\n\
     <div id=\"all-runs\" hidden></div>\n"
        .into()
}

fn file(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<pre tabindex=\"0\">{}</pre>\n", escaped(text)) }
}

fn facts(facts: &[(String, String)]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let row = |(name, value): &(String, String)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value));
    format!("<dl>\n{}</dl>\n", facts.iter().map(row).collect::<String>())
}

fn best(answer: &Answer) -> String {
    let mut text = format!(
        "<p>{} <b>{}</b> ({}), mean over seeds ± sample SD, with the 95 % interval of the mean (Student). The best of many \
         settings looks better than it is: measure it again on fresh seeds with <code>aees report best --confirm</code>.</p>\n",
        escaped(&answer.question.measure.to_string()),
        escaped(&answer.question.metric),
        answer.question.goal.name()
    );
    answer.groups.iter().for_each(|group| text += &ranking(group, &answer.question.metric));
    text
}

fn ranking(group: &Ranking, metric: &str) -> String {
    let title = escaped(&group.title());
    let tried = format!("{} settings tried, {} seeds, {} runs", group.ranked.len(), group.seeds, group.runs);
    let mut rows = String::new();
    let racing = group.ranked.iter().filter(|candidate| candidate.races());
    let out = group.ranked.iter().filter(|candidate| !candidate.races());
    for candidate in racing.take(TOP).chain(out) {
        let rank = candidate.rank.map_or_else(|| "out".to_owned(), |rank| rank.to_string());
        let reason = |out: &Excluded| {
            format!("<br><small class=\"bad\">seed {}: {}</small>", out.seed, escaped(&out.reason.to_string()))
        };
        let reasons: String = candidate.excluded.iter().map(reason).collect();
        let scale = candidate.spread.map_or(Scale::Plain, |spread| Scale::of(metric, spread.mean));
        let mean = candidate.spread.map_or("–".into(), |spread| {
            let sd = spread.sd.map(|sd| format!(" ± {}", scale.text(sd))).unwrap_or_default();
            format!("{}{sd}{}", scale.text(spread.mean), scale.unit())
        });
        let interval = candidate.spread.and_then(|spread| spread.t_interval(LEVEL));
        let interval =
            interval.map_or("–".into(), |ends| format!("{} to {}", scale.text(ends.low), scale.shown(ends.high)));
        let class = if rank == "1" { " class=\"winner\"" } else { "" };
        let _ = writeln!(
            rows,
            "<tr{class}><td class=\"n\">{rank}</td><th scope=\"row\" class=\"setting\">{}{reasons}</th><td class=\"n\">{mean}\
             </td><td class=\"n\">{interval}</td><td class=\"n\">{}</td></tr>",
            escaped(&words(&candidate.attributes, &group.keys)),
            candidate.values.len()
        );
    }
    let columns = [("rank", true), ("setting", false), ("mean ± SD", true), ("95 % interval", true), ("n", true)];
    let (label, caption) = (format!("Best settings, {title}"), format!("{title} <small>{tried}</small>"));
    table((&label, "", &caption), columns, &rows)
}

fn remarks(remarks: &[Remark]) -> String {
    if remarks.is_empty() {
        return String::new();
    }
    let mut text = String::from("<ul class=\"remarks\">\n");
    for remark in remarks {
        let _ = write!(text, "<li><b>{}</b>", escaped(&remark.what));
        if !remark.reason.is_empty() {
            let _ = write!(text, " <span class=\"reason\">{}</span>", escaped(&remark.reason));
        }
        if !remark.command.is_empty() {
            let _ = write!(text, "<pre tabindex=\"0\">{}</pre>", escaped(&remark.command));
        }
        text.push_str("</li>\n");
    }
    text.push_str("</ul>\n");
    text
}

fn notes(page: &Page) -> String {
    let skipped = page.skipped.iter().map(|skipped| format!("skipped {}: {}", skipped.path.display(), skipped.reason));
    let notes = page.warnings.iter().cloned().chain(skipped);
    let notes: String = notes.map(|note| format!("<li>{}</li>\n", escaped(&note))).collect();
    if notes.is_empty() { notes } else { format!("<ul>\n{notes}</ul>\n") }
}

fn commands(page: &Page) -> String {
    let block = |(purpose, command): &(String, String)| {
        format!("<p>{}</p><pre tabindex=\"0\">{}</pre>\n", escaped(purpose), escaped(command))
    };
    page.commands.iter().map(block).collect()
}
