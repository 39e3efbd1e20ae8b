use super::*;

const LIMIT: usize = 1000;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap() | 0x4000;
    [&[kind], &length.to_be_bytes()[..], payload].concat()
}

#[test]
fn c30_a_frame_other_than_data_comes_out_whole_however_it_came() {
    let headers = frame(0x1, &[7; 300]);
    for size in [1, 2, 3, 299, 1000] {
        let (out, frames) = cut(Frames::of_request(LIMIT), &headers, size).unwrap();
        assert_eq!(out, [Bytes::from(headers.clone())], "in pieces of {size}");
        assert!(frames.may_end());
        assert_eq!(frames.gathered(), 0);
    }
}

#[test]
fn c30_what_is_gathered_is_counted_and_bounded() {
    let whole = frame(0x1, &[7; 300]);
    let (out, frames) = cut(Frames::of_request(LIMIT), &whole[..200], 9).unwrap();
    assert!(out.is_empty());
    assert_eq!(frames.gathered(), 200);
    assert!(!frames.may_end(), "a stream must not end inside a frame");
    for kind in [0x1, 0x4, 0x21] {
        let large = frame(kind, &[0; LIMIT + 1]);
        assert_eq!(
            cut(Frames::of_request(LIMIT), &large[..3], 1).err(),
            Some(TooLarge)
        );
    }
    // The largest length there is.
    let endless = [0x1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(cut(Frames::of_request(LIMIT), &endless, 1).err(), Some(TooLarge));
}

#[test]
fn c11_data_comes_out_as_it_comes_and_its_end_is_known() {
    let input = [frame(0x1, b"head"), frame(0x0, &[1; 50]), frame(0x0, &[2; 10])].concat();
    for size in [1, 7, 1000] {
        let (out, frames) = cut(Frames::of_request(LIMIT), &input, size).unwrap();
        assert_eq!(out.concat(), input);
        assert!(frames.may_end());
        let (_, frames) = cut(Frames::of_request(LIMIT), &input[..input.len() - 1], size).unwrap();
        assert!(!frames.may_end(), "one byte is missing");
    }
}

#[test]
fn c23_empty_data_is_nothing() {
    let input = [
        frame(0x1, b"head"),
        frame(0x0, b""),
        vec![0x0, 0x0],
        frame(0x0, b"body"),
    ]
    .concat();
    let (out, frames) = cut(Frames::of_request(LIMIT), &input, 1000).unwrap();
    assert_eq!(out.concat(), [frame(0x1, b"head"), frame(0x0, b"body")].concat());
    assert!(frames.may_end());
}

#[test]
fn a_control_stream_has_frames_and_other_streams_have_none() {
    let settings = [&[0x0][..], &frame(0x4, &[6, 1])].concat();
    let (out, frames) = cut(Frames::of_unidirectional(LIMIT), &settings, 1).unwrap();
    assert_eq!(out, [Bytes::from_static(&[0]), frame(0x4, &[6, 1]).into()]);
    assert!(frames.may_end());
    let encoder = [2; 100];
    let (out, _) = cut(Frames::of_unidirectional(LIMIT), &encoder, 10).unwrap();
    assert_eq!(out.concat(), encoder);
}
