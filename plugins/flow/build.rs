//! Templates and YAML are read by recursion, which needs more stack than the other plugins have. The
//! names of functions are a seventh of the file, and say nothing to whoever writes flows.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-cdylib=-zstack-size=262144");
    println!("cargo:rustc-link-arg-cdylib=--strip-all");
}
