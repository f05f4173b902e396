//! A clock that hurries, in the submission's program: while it does, an hour passes in less than half a
//! second, for whoever waits and for whoever asks how late it is. Who gives up after a minute, or after an
//! hour, does it while a check looks on. It may also leap: by centuries, and no further, while somebody sets
//! the time of day.
//!
//! The functions here stand before those of the C library by which one waits for a time, sets a timer or asks
//! for the time; [`hurrying_clock`](crate::hurrying_clock) gives them their names. Children that execute
//! another program live in the time that everybody has.

use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU64, AtomicUsize, Ordering::SeqCst,
};
use std::time::Duration;

use libc::{
    c_int, c_long, c_uint, c_void, clockid_t, epoll_event, itimerspec, itimerval, nfds_t, pollfd,
    pthread_cond_t, pthread_mutex_t, sigset_t, timespec, timeval,
};

use crate::shim;
use crate::wire::{Wire, frame};

/// So much faster the clock is when it hurries.
const A_HURRY: u64 = 10_000;

/// How long a leap takes, in nanoseconds.
const A_LEAP: u64 = 50_000_000;

/// Whoever waits for less than this looks now and then, and waits for [`LOOK`] at most.
const A_WHILE: i128 = 500_000_000;
const A_LOOK: i128 = 300_000;
/// How many nanoseconds whoever looks now and then waits.
static LOOK: AtomicI64 = AtomicI64::new(A_LOOK as i64);
/// So long whoever waits for longer waits at least, so that commands have been started by then.
const AT_LEAST: i128 = 100_000_000;

/// How long the word is that ends the hurry; 0 if none is waited for.
static LISTENS: AtomicUsize = AtomicUsize::new(0);
/// Whether waits are short.
static SHORT: AtomicBool = AtomicBool::new(false);
/// Nanoseconds of `CLOCK_MONOTONIC`: since when the clock hurries, and until when.
static SINCE: AtomicU64 = AtomicU64::new(u64::MAX);
static UNTIL: AtomicU64 = AtomicU64::new(u64::MAX);
/// How many nanoseconds the clock was ahead before that.
static AHEAD: AtomicU64 = AtomicU64::new(0);
/// So much faster the clock is, until it is so many nanoseconds further ahead, in a leap.
static TIMES: AtomicU64 = AtomicU64::new(A_HURRY);
static MOST: AtomicU64 = AtomicU64::new(ENDLESS);
/// By how many nanoseconds the time of day is set on when that begins; negative if it is set back.
static SET: AtomicI64 = AtomicI64::new(0);

/// Of a hurry that ends with a word.
const ENDLESS: u64 = u64::MAX;

/// What the driver says during a request, as a request of its own.
pub(crate) const WORD: &str = "take your time";

/// The body of that request.
pub(crate) fn word() -> Vec<u8> {
    WORD.to_owned().to_bytes()
}

/// Lets whoever looks now and then wait for so long at most, for one who counts the looks.
pub fn shortens_looks(look: Duration) {
    LOOK.store(look.as_nanos() as i64, SeqCst);
    // Otherwise each of them takes 50 microseconds more, PR_SET_TIMERSLACK(2const).
    // SAFETY: this operation of prctl(2) takes integers.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
}

/// Hurries in the next request.
pub(crate) fn hurry() {
    go(A_HURRY, ENDLESS, 0);
    LISTENS.store(frame(shim::kind::CALL, &word()).len(), SeqCst);
}

/// Leaps in the next request, by this time, while the time of day is set on and back by so much.
pub(crate) fn leap(by: Duration, on: Duration, back: Duration) {
    // Three centuries, or as many as there are.
    let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    let by = nanoseconds(by) as u64;
    go(by / A_LEAP + 2, by, nanoseconds(on) - nanoseconds(back));
}

fn go(times: u64, most: u64, set: i64) {
    AHEAD.fetch_add(gained(), SeqCst);
    SINCE.store(u64::MAX, SeqCst);
    TIMES.store(times, SeqCst);
    MOST.store(most, SeqCst);
    SET.store(set, SeqCst);
    UNTIL.store(u64::MAX, SeqCst);
    // No wait that begins from now on is over before the clock hurries.
    SINCE.store((real(libc::CLOCK_MONOTONIC) + AT_LEAST) as u64, SeqCst);
    SHORT.store(true, SeqCst);
}

/// Goes on as all clocks do.
pub(crate) fn is_over() {
    LISTENS.store(0, SeqCst);
    SHORT.store(false, SeqCst);
    let now = real(libc::CLOCK_MONOTONIC) as u64;
    let _ = UNTIL.compare_exchange(u64::MAX, now, SeqCst, SeqCst);
}

/// Looks whether something has been said.
fn listen() {
    let length = LISTENS.load(SeqCst);
    if length == 0 {
        return;
    }
    // SAFETY: the place of errno is always there.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    let before = unsafe { *errno };
    let said = shim::come() >= Some(length);
    // SAFETY: as above.
    unsafe { *errno = before };
    if said {
        is_over();
    }
}

/// A function of the C library, which has this name and this type there.
macro_rules! of_library {
    ($name:ident as $type:ty) => {{
        static FOUND: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
        let name = concat!(stringify!($name), "\0").as_bytes();
        std::mem::transmute::<*mut c_void, $type>(find(name, &FOUND))
    }};
}

/// Finds a function by its name, which ends with a NUL, once.
fn find(name: &'static [u8], found: &AtomicPtr<c_void>) -> *mut c_void {
    if found.load(SeqCst).is_null() {
        // SAFETY: the name ends with a NUL.
        found.store(unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr().cast()) }, SeqCst);
    }
    found.load(SeqCst)
}

type Clock = unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int;

/// What a clock really says, in nanoseconds.
fn real(clock: clockid_t) -> i128 {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure lives during the call.
    unsafe { of_library!(clock_gettime as Clock)(clock, &mut now) };
    nanoseconds(now)
}

/// How many nanoseconds the clock is further ahead than before it hurried.
fn gained() -> u64 {
    listen();
    let (since, until) = (SINCE.load(SeqCst), UNTIL.load(SeqCst));
    let passed = (real(libc::CLOCK_MONOTONIC) as u64).min(until).saturating_sub(since);
    let gained = u128::from(passed) * u128::from(TIMES.load(SeqCst) - 1);
    gained.min(MOST.load(SeqCst).into()) as u64
}

/// How many nanoseconds a clock is ahead.
fn ahead(clock: clockid_t) -> i128 {
    let is_set = is_of_day(clock) && before() == 0;
    let set = if is_set { SET.load(SeqCst).into() } else { 0 };
    i128::from(AHEAD.load(SeqCst)) + i128::from(gained()) + set
}

/// How many nanoseconds it really is until the clock hurries.
fn before() -> i128 {
    (i128::from(SINCE.load(SeqCst)) - real(libc::CLOCK_MONOTONIC)).max(0)
}

/// Whether waits are short at the moment.
fn hurries() -> bool {
    listen();
    SHORT.load(SeqCst) && gained() < MOST.load(SeqCst)
}

/// Whether somebody can set it.
fn is_of_day(clock: clockid_t) -> bool {
    use libc::{CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_REALTIME_COARSE, CLOCK_TAI};
    [CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_REALTIME_COARSE, CLOCK_TAI].contains(&clock)
}

/// Whether it goes on while nobody does anything.
fn is_of_all(clock: clockid_t) -> bool {
    ![libc::CLOCK_PROCESS_CPUTIME_ID, libc::CLOCK_THREAD_CPUTIME_ID].contains(&clock) && clock >= 0
}

fn nanoseconds(time: timespec) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

fn timespec_of(nanoseconds: i128) -> timespec {
    let seconds = i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX);
    timespec { tv_sec: seconds, tv_nsec: (nanoseconds % 1_000_000_000) as c_long }
}

/// How long one really waits for this time. What is no time stays as it is, and 0 alone becomes 0.
fn wait(time: timespec) -> timespec {
    let of_time = time.tv_sec >= 0 && (0..1_000_000_000).contains(&time.tv_nsec);
    if !of_time || !hurries() {
        return time;
    }
    timespec_of(match nanoseconds(time) {
        short @ ..A_WHILE => short.min(LOOK.load(SeqCst).into()),
        long => match MOST.load(SeqCst) {
            ENDLESS => AT_LEAST + long / i128::from(A_HURRY),
            most => {
                let in_leap = long.min(i128::from(most - gained()));
                before() + in_leap / i128::from(TIMES.load(SeqCst)) + A_LOOK + long - in_leap
            }
        },
    })
}

/// When it is really so late.
fn moment(clock: clockid_t, time: timespec) -> timespec {
    let of_time = time.tv_sec >= 0 && (0..1_000_000_000).contains(&time.tv_nsec);
    let ahead = ahead(clock);
    if !of_time || !is_of_all(clock) || (ahead == 0 && !hurries()) {
        return time;
    }
    let now = real(clock);
    let left = (nanoseconds(time) - now - ahead).max(0);
    let wait = nanoseconds(wait(timespec_of(left)));
    // Whoever waits for a time of day is woken when that is set on, which is further than anybody waits.
    let is_set_on = is_of_day(clock) && SET.load(SeqCst) > 0 && before() > 0;
    timespec_of(now + if is_set_on { wait.min(before()) } else { wait })
}

/// What is at a place, if there is one.
///
/// # Safety
/// The place is one to read from, or null.
unsafe fn at<T: Copy>(place: *const T) -> Option<T> {
    // SAFETY: the caller answers for it.
    (!place.is_null()).then(|| unsafe { *place })
}

fn place<T>(value: &Option<T>) -> *const T {
    value.as_ref().map_or(ptr::null(), ptr::from_ref)
}

/// Stands before clock_gettime(2).
///
/// # Safety
/// As there; this is so of everything that follows.
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: the caller answers for the place.
    unsafe {
        let got = of_library!(clock_gettime as Clock)(clock, time);
        if got == 0 && is_of_all(clock) {
            *time = timespec_of(nanoseconds(*time) + ahead(clock));
        }
        got
    }
}

/// The time of day.
fn time_of_day() -> timespec {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure lives during the call.
    unsafe { clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    now
}

/// # Safety
/// See time(2).
pub unsafe extern "C" fn time(place: *mut libc::time_t) -> libc::time_t {
    let now = time_of_day().tv_sec;
    if !place.is_null() {
        // SAFETY: the caller answers for the place.
        unsafe { *place = now };
    }
    now
}

/// # Safety
/// See gettimeofday(2). The second place is for a time zone, which nobody asks for.
pub unsafe extern "C" fn gettimeofday(place: *mut timeval, _: *mut c_void) -> c_int {
    let now = time_of_day();
    if !place.is_null() {
        // SAFETY: the caller answers for the place.
        unsafe { *place = timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1000 } };
    }
    0
}

/// # Safety
/// See nanosleep(2).
pub unsafe extern "C" fn nanosleep(time: *const timespec, left: *mut timespec) -> c_int {
    // SAFETY: the caller answers for both places.
    let slept = unsafe { clock_nanosleep(libc::CLOCK_REALTIME, 0, time, left) };
    if slept == 0 {
        return 0;
    }
    // SAFETY: the place of errno is always there.
    unsafe { *libc::__errno_location() = slept };
    -1
}

/// # Safety
/// See clock_nanosleep(2).
pub unsafe extern "C" fn clock_nanosleep(
    clock: clockid_t,
    flags: c_int,
    time: *const timespec,
    left: *mut timespec,
) -> c_int {
    type Sleep = unsafe extern "C" fn(clockid_t, c_int, *const timespec, *mut timespec) -> c_int;
    let until = flags & libc::TIMER_ABSTIME != 0;
    // SAFETY: the caller answers for both places.
    unsafe {
        let given = at(time);
        let time = given.map(|time| if until { moment(clock, time) } else { wait(time) });
        let slept = of_library!(clock_nanosleep as Sleep)(clock, flags, place(&time), left);
        if let (libc::EINTR, false, Some(given), Some(time)) = (slept, until, given, time)
            && !left.is_null()
        {
            let slept = nanoseconds(time) - nanoseconds(*left);
            let of_given = slept * nanoseconds(given) / nanoseconds(time).max(1);
            *left = timespec_of((nanoseconds(given) - of_given).max(0));
        }
        slept
    }
}

/// # Safety
/// See sleep(3).
pub unsafe extern "C" fn sleep(seconds: c_uint) -> c_uint {
    let mut time = timespec { tv_sec: seconds.into(), tv_nsec: 0 };
    let place = &raw mut time;
    // SAFETY: the structure lives during the call.
    let slept = unsafe { nanosleep(place, place) };
    if slept == 0 { 0 } else { time.tv_sec as c_uint }
}

/// # Safety
/// See usleep(3).
pub unsafe extern "C" fn usleep(microseconds: c_uint) -> c_int {
    let time = timespec_of(i128::from(microseconds) * 1000);
    // SAFETY: the structure lives during the call.
    unsafe { nanosleep(&time, ptr::null_mut()) }
}

/// A number of milliseconds as poll(2) takes it: a negative one has no end.
fn milliseconds(number: c_int) -> Option<timespec> {
    (number >= 0).then(|| timespec_of(i128::from(number) * 1_000_000))
}

/// # Safety
/// See poll(2).
pub unsafe extern "C" fn poll(of: *mut pollfd, count: nfds_t, time: c_int) -> c_int {
    // SAFETY: the caller answers for the place.
    unsafe { ppoll(of, count, place(&milliseconds(time)), ptr::null()) }
}

/// # Safety
/// See ppoll(2).
pub unsafe extern "C" fn ppoll(
    of: *mut pollfd,
    count: nfds_t,
    time: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    type Poll =
        unsafe extern "C" fn(*mut pollfd, nfds_t, *const timespec, *const sigset_t) -> c_int;
    // SAFETY: the caller answers for all places.
    unsafe { of_library!(ppoll as Poll)(of, count, place(&at(time).map(wait)), mask) }
}

/// # Safety
/// See select(2).
pub unsafe extern "C" fn select(
    count: c_int,
    read: *mut libc::fd_set,
    write: *mut libc::fd_set,
    except: *mut libc::fd_set,
    time: *mut timeval,
) -> c_int {
    // SAFETY: the caller answers for all places.
    unsafe {
        let time = at(time).map(timespec_of_timeval);
        pselect(count, read, write, except, place(&time), ptr::null())
    }
}

/// # Safety
/// See pselect(2).
pub unsafe extern "C" fn pselect(
    count: c_int,
    read: *mut libc::fd_set,
    write: *mut libc::fd_set,
    except: *mut libc::fd_set,
    time: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    type Select = unsafe extern "C" fn(
        c_int,
        *mut libc::fd_set,
        *mut libc::fd_set,
        *mut libc::fd_set,
        *const timespec,
        *const sigset_t,
    ) -> c_int;
    // SAFETY: the caller answers for all places.
    unsafe {
        let time = at(time).map(wait);
        of_library!(pselect as Select)(count, read, write, except, place(&time), mask)
    }
}

/// # Safety
/// See epoll_wait(2).
pub unsafe extern "C" fn epoll_wait(
    queue: c_int,
    events: *mut epoll_event,
    most: c_int,
    time: c_int,
) -> c_int {
    // SAFETY: the caller answers for the place.
    unsafe { epoll_pwait(queue, events, most, time, ptr::null()) }
}

/// # Safety
/// See epoll_pwait(2).
pub unsafe extern "C" fn epoll_pwait(
    queue: c_int,
    events: *mut epoll_event,
    most: c_int,
    time: c_int,
    mask: *const sigset_t,
) -> c_int {
    type Wait =
        unsafe extern "C" fn(c_int, *mut epoll_event, c_int, c_int, *const sigset_t) -> c_int;
    // Whole milliseconds, at least one.
    let short = milliseconds(time).map(|time| nanoseconds(wait(time)));
    let time = short.map_or(-1, |short| ((short + 999_999) / 1_000_000) as c_int);
    // SAFETY: the caller answers for all places.
    unsafe { of_library!(epoll_pwait as Wait)(queue, events, most, time, mask) }
}

/// # Safety
/// See sigtimedwait(2).
pub unsafe extern "C" fn sigtimedwait(
    set: *const sigset_t,
    info: *mut libc::siginfo_t,
    time: *const timespec,
) -> c_int {
    type Wait =
        unsafe extern "C" fn(*const sigset_t, *mut libc::siginfo_t, *const timespec) -> c_int;
    // SAFETY: the caller answers for all places.
    unsafe { of_library!(sigtimedwait as Wait)(set, info, place(&at(time).map(wait))) }
}

/// # Safety
/// See pthread_cond_timedwait(3).
pub unsafe extern "C" fn pthread_cond_timedwait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    time: *const timespec,
) -> c_int {
    type Wait =
        unsafe extern "C" fn(*mut pthread_cond_t, *mut pthread_mutex_t, *const timespec) -> c_int;
    // SAFETY: the caller answers for all places.
    unsafe {
        let time = at(time).map(|time| moment(libc::CLOCK_REALTIME, time));
        of_library!(pthread_cond_timedwait as Wait)(condition, mutex, place(&time))
    }
}

/// # Safety
/// See sem_timedwait(3).
pub unsafe extern "C" fn sem_timedwait(
    semaphore: *mut libc::sem_t,
    time: *const timespec,
) -> c_int {
    type Wait = unsafe extern "C" fn(*mut libc::sem_t, *const timespec) -> c_int;
    // SAFETY: the caller answers for both places.
    unsafe {
        let time = at(time).map(|time| moment(libc::CLOCK_REALTIME, time));
        of_library!(sem_timedwait as Wait)(semaphore, place(&time))
    }
}

/// # Safety
/// See alarm(2).
pub unsafe extern "C" fn alarm(seconds: c_uint) -> c_uint {
    let none = timeval { tv_sec: 0, tv_usec: 0 };
    let new = itimerval { it_interval: none, it_value: timeval { tv_sec: seconds.into(), ..none } };
    let mut old = itimerval { it_interval: none, it_value: none };
    // SAFETY: both structures live during the call.
    unsafe { setitimer(libc::ITIMER_REAL as c_int, &new, &mut old) };
    (old.it_value.tv_sec + i64::from(old.it_value.tv_usec > 0)) as c_uint
}

/// # Safety
/// See setitimer(2).
pub unsafe extern "C" fn setitimer(
    which: c_int,
    new: *const itimerval,
    old: *mut itimerval,
) -> c_int {
    type Set = unsafe extern "C" fn(c_int, *const itimerval, *mut itimerval) -> c_int;
    let short = |time: timeval| {
        let short = nanoseconds(wait(timespec_of_timeval(time)));
        timeval {
            tv_sec: (short / 1_000_000_000) as i64,
            tv_usec: (short / 1000 % 1_000_000) as i64,
        }
    };
    // SAFETY: the caller answers for both places.
    unsafe {
        let new = at(new).map(|new| match which == libc::ITIMER_REAL as c_int {
            true => {
                itimerval { it_interval: short(new.it_interval), it_value: short(new.it_value) }
            }
            // Processor time is none of the clock's.
            false => new,
        });
        of_library!(setitimer as Set)(which, place(&new), old)
    }
}

fn timespec_of_timeval(time: timeval) -> timespec {
    timespec { tv_sec: time.tv_sec, tv_nsec: time.tv_usec.saturating_mul(1000) }
}

/// What a timer is set to.
fn timer(clock: clockid_t, until: bool, new: itimerspec) -> itimerspec {
    let never = new.it_value.tv_sec == 0 && new.it_value.tv_nsec == 0;
    let value = if until && !never { moment(clock, new.it_value) } else { wait(new.it_value) };
    itimerspec { it_interval: wait(new.it_interval), it_value: value }
}

/// # Safety
/// See timer_settime(2). The clock of a timer that is set to a moment is taken for `CLOCK_MONOTONIC`.
pub unsafe extern "C" fn timer_settime(
    of: libc::timer_t,
    flags: c_int,
    new: *const itimerspec,
    old: *mut itimerspec,
) -> c_int {
    type Set =
        unsafe extern "C" fn(libc::timer_t, c_int, *const itimerspec, *mut itimerspec) -> c_int;
    let until = flags & libc::TIMER_ABSTIME != 0;
    // SAFETY: the caller answers for both places.
    unsafe {
        let new = at(new).map(|new| timer(libc::CLOCK_MONOTONIC, until, new));
        of_library!(timer_settime as Set)(of, flags, place(&new), old)
    }
}

/// # Safety
/// See timerfd_settime(2).
pub unsafe extern "C" fn timerfd_settime(
    of: c_int,
    flags: c_int,
    new: *const itimerspec,
    old: *mut itimerspec,
) -> c_int {
    type Set = unsafe extern "C" fn(c_int, c_int, *const itimerspec, *mut itimerspec) -> c_int;
    let until = flags & libc::TFD_TIMER_ABSTIME != 0;
    // SAFETY: the caller answers for both places.
    unsafe {
        let new = at(new).map(|new| timer(clock_of(of), until, new));
        of_library!(timerfd_settime as Set)(of, flags, place(&new), old)
    }
}

/// The clock of a timer that is a descriptor; proc_pid_fdinfo(5).
fn clock_of(timer: c_int) -> clockid_t {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{timer}")).unwrap_or_default();
    let number = text.lines().find_map(|line| line.strip_prefix("clockid:")?.trim().parse().ok());
    number.unwrap_or(libc::CLOCK_MONOTONIC)
}

/// Stands before syscall(2): std waits by futex(2), which has no name of its own.
///
/// # Safety
/// As there.
pub unsafe extern "C" fn syscall(
    number: c_long,
    one: usize,
    two: usize,
    three: usize,
    four: usize,
    five: usize,
    six: usize,
) -> c_long {
    type Call = unsafe extern "C" fn(c_long, ...) -> c_long;
    // SAFETY: the caller answers for what the call does, and for the places among its arguments.
    unsafe {
        let call = of_library!(syscall as Call);
        let mut four = four;
        let time;
        if number == libc::SYS_futex {
            let operation = two as c_int & libc::FUTEX_CMD_MASK;
            let of_real_time = two as c_int & libc::FUTEX_CLOCK_REALTIME != 0;
            let clock = if of_real_time { libc::CLOCK_REALTIME } else { libc::CLOCK_MONOTONIC };
            if operation == libc::FUTEX_WAIT || operation == libc::FUTEX_WAIT_BITSET {
                let relative = operation == libc::FUTEX_WAIT;
                let given = at(four as *const timespec);
                time = given.map(|it| if relative { wait(it) } else { moment(clock, it) });
                four = place(&time).expose_provenance();
            }
        }
        match number {
            libc::SYS_clock_gettime => clock_gettime(one as clockid_t, two as *mut timespec).into(),
            libc::SYS_nanosleep => nanosleep(one as *const timespec, two as *mut timespec).into(),
            libc::SYS_ppoll if four == 0 => {
                let of = one as *mut pollfd;
                ppoll(of, two as nfds_t, three as *const timespec, ptr::null()).into()
            }
            _ => call(number, one, two, three, four, five, six),
        }
    }
}

/// Gives the functions here their names, in the program in which this stands. Hidden, they are those of
/// this program and of no library.
#[macro_export]
macro_rules! hurrying_clock {
    () => {
        $crate::hurrying_clock!(
            clock_gettime time gettimeofday nanosleep clock_nanosleep sleep usleep poll ppoll select pselect
            epoll_wait epoll_pwait sigtimedwait pthread_cond_timedwait sem_timedwait alarm
            setitimer timer_settime timerfd_settime syscall
        );
    };
    ($($name:ident)*) => {
        $(std::arch::global_asm!(
            concat!(".globl ", stringify!($name)),
            concat!(".hidden ", stringify!($name)),
            cfg_select! {
                target_arch = "x86_64" => { concat!(stringify!($name), ": jmp {}") }
                _ => { concat!(stringify!($name), ": b {}") }
            },
            sym $crate::clock::$name,
        );)*
    };
}
