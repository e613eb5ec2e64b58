//! What Linux tells of another process.

/// The value of a line of `/proc/PID/status`, in MB (1 MB = 1,000,000 bytes).
fn status_mb(pid: u32, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
    let kib: f64 =
        value.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap();
    kib * 1024.0 / 1e6
}

/// Resident memory now.
pub(super) fn resident_mb(pid: u32) -> f64 {
    status_mb(pid, "VmRSS")
}

/// The most that was ever resident.
pub(super) fn peak_mb(pid: u32) -> f64 {
    status_mb(pid, "VmHWM")
}

/// CPU seconds so far: in the program, and in the kernel on its behalf.
pub(super) fn cpu_seconds(pid: u32) -> (f64, f64) {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // the fields after the name, which stands in parentheses: utime and stime are the 12th and 13th
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    let per_second = rustix::param::clock_ticks_per_second();
    let hertz = f64::from(u32::try_from(per_second).unwrap());
    (ticks(11) / hertz, ticks(12) / hertz)
}
