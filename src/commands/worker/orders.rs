//! Where a worker's orders come from: standard input, line by line, or a file with jobs.

use std::io::BufRead;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread;

use aees_run::input;
use aees_studies::job::{Job, WorkerOrder};

use super::crew::News;
use crate::failure::Failure;

/// The jobs of a file, one JSON object after the other.
pub(super) fn of_file(path: &Path, news: &Sender<News>) -> Result<(), Failure> {
    let text = input::read(path)?;
    let no_job = |why: String| Failure::new(format!("{} is no job: {why}", path.display()));
    let jobs: Vec<Job> = serde_json::Deserializer::from_slice(&text)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| no_job(error.to_string()))?;
    if jobs.is_empty() {
        return Err(no_job("it is empty".to_owned()));
    }
    for job in jobs {
        let _ = news.send(News::Ordered(WorkerOrder::Do(Box::new(job))));
    }
    let _ = news.send(News::NoMoreOrders);
    Ok(())
}

/// The lines of standard input, as they come. When it closes, everything is to stop.
pub(super) fn of_standard_input(news: Sender<News>) {
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let heard = match serde_json::from_str(&line) {
                Ok(order) => News::Ordered(order),
                Err(error) => News::NoOrder(error.to_string()),
            };
            if news.send(heard).is_err() {
                return;
            }
        }
        let _ = news.send(News::Stop);
    });
}
