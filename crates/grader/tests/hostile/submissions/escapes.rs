//! Tries to reach out: the network, other users' files, another root, more rights.
//!
//! exercise: reap
//! rest: reap
//! verdict: none [panic]
//! shows: nothing works
//! never: ESCAPED

fn attack() {
    let here = std::env::temp_dir();
    let mut escaped = Vec::new();
    let places = ["/var/tmp", "/dev/shm/..", "/etc", "/root", "/home", "{workspace}", "/usr", "."];
    for place in places {
        if std::fs::write(format!("{place}/hostile-escape"), "here").is_ok() {
            escaped.push(place);
        }
    }
    if std::net::TcpStream::connect("127.0.0.1:1").is_ok_and(|_| true)
        || std::net::UdpSocket::bind("127.0.0.1:0").is_ok()
        || std::net::TcpListener::bind("127.0.0.1:0").is_ok()
    {
        escaped.push("the network");
    }
    let here = std::ffi::CString::new(here.to_str().unwrap()).unwrap();
    unsafe {
        if libc::unshare(libc::CLONE_NEWUSER) == 0 {
            escaped.push("a namespace");
        }
        if libc::chroot(here.as_ptr()) == 0 {
            escaped.push("another root");
        }
        if libc::setuid(0) == 0 || libc::setgid(0) == 0 {
            escaped.push("another user");
        }
        let more = libc::rlimit { rlim_cur: 1 << 40, rlim_max: 1 << 40 };
        if libc::setrlimit(libc::RLIMIT_AS, &more) == 0 {
            escaped.push("more memory");
        }
    }
    if !escaped.is_empty() {
        println!("ESCAPED: {escaped:?}");
        return;
    }
    panic!("nothing works");
}
