//! Makes the compiler complain without end.
//!
//! exercise: reap
//! rest: reap
//! verdict: compile

macro_rules! wrong {
    ($($name:ident)*) => { $( const $name: u8 = "not a number"; )* };
}
macro_rules! many {
    ($($name:ident)*) => { $( mod $name { wrong!(A B C D E F G H I J K L M N O P Q R S T); } )* };
}
many!(a b c d e f g h i j k l m n o p q r s t u v w x y z);
many!(aa bb cc dd ee ff gg hh ii jj kk ll mm nn oo pp qq rr ss tt uu vv ww xx yy zz);
many!(a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 k1 l1 m1 n1 o1 p1 q1 r1 s1 t1 u1 v1 w1 x1 y1 z1);

fn attack() {}
