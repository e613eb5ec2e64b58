//! `sealpost-demo`: a whole newsroom on loopback.

fn main() -> std::process::ExitCode {
    sealpost::demo::main(std::env::args_os())
}
