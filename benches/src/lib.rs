//! Tenfold beside other frameworks: the same workloads, the same weights, in one session.
//!
//! In reading order: [`figures`] (what is measured, in which unit, against which limit), [`weights`] (what everyone starts from),
//! [`harness`] (how a call is timed), [`workloads`] (Tenfold's programs, written as a user writes them), [`peers`] and [`session`] (processes that take
//! turns), [`limits`] (what this machine can do at best), [`report`] and [`picture`].

pub mod figures;
pub mod harness;
pub mod limits;
pub mod peers;
pub mod picture;
pub mod report;
pub mod session;
pub mod weights;
pub mod workloads;
