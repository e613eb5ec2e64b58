//! What a poster says, in each language. The words are those of the form's pages.

use clap::ValueEnum;

use crate::words::WordList;

/// The language of a poster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PosterLanguage {
    /// English
    #[value(name = "en")]
    English,
    /// 한국어
    #[value(name = "ko")]
    Korean,
    /// 简体中文
    #[value(name = "zh-Hans")]
    ChineseSimplified,
}

pub(super) struct Texts {
    pub(super) tag: &'static str,
    pub(super) fonts: &'static str,
    pub(super) words: WordList,
    /// How many words of the fingerprint stand in a row.
    pub(super) words_in_row: usize,
    pub(super) subtitle: &'static str,
    pub(super) address: &'static str,
    pub(super) how_onion: &'static str,
    pub(super) how_url: &'static str,
    pub(super) code: &'static str,
    pub(super) check: &'static str,
    pub(super) checks: [&'static str; 5],
    pub(super) fingerprint: &'static str,
    pub(super) how_fingerprint: &'static str,
    pub(super) in_words: &'static str,
    pub(super) in_hex: &'static str,
    pub(super) in_openssh: &'static str,
    /// With `{version}` and `{day}`.
    pub(super) roster: &'static str,
}

impl PosterLanguage {
    pub(super) fn texts(self) -> &'static Texts {
        match self {
            Self::English => &ENGLISH,
            Self::Korean => &KOREAN,
            Self::ChineseSimplified => &CHINESE_SIMPLIFIED,
        }
    }
}

const ENGLISH: Texts = Texts {
    tag: "en",
    fonts: "'Noto Sans', 'Segoe UI', 'Helvetica Neue', Arial, sans-serif",
    words: WordList::English,
    words_in_row: 4,
    subtitle: "Where to send us a tip, and how to check that it is us",
    address: "Address",
    how_onion: "Open it in Tor Browser only. Type it yourself; do not follow a link to it. In groups it \
                is easier to compare; leave out the spaces when you type.",
    how_url: "This sheet has no onion address, only a web address. Open it in Tor Browser all the \
              same: otherwise your internet provider can see that you visit it.",
    code: "The code holds the same address. Copy it from there into Tor Browser; let no other app open \
           it or search for it.",
    check: "How to check that this is not a trap",
    checks: [
        "Compare the address and the fingerprint below, character by character, with a copy from \
         somewhere else that you trust: something printed, our website, a person you know. If \
         anything differs, do not send anything.",
        "Did somebody send you this sheet or this address although you had not asked? It may be a \
         trap, even if it looks right. Find the address in another way.",
        "Our form never asks for your name, phone number or account. If a page does, close it.",
        "Do not use a device or a network of your workplace, nor a device that others use too.",
        "No one can promise that you stay unknown: what you write may itself point to you. Do not \
         keep this sheet where others could find it.",
    ],
    fingerprint: "Fingerprint of the newsroom’s key",
    how_fingerprint: "The form shows it, too. A false form can copy it: always compare the address as \
                      well.",
    in_words: "In words (BIP39)",
    in_hex: "In hexadecimal",
    in_openssh: "As the form shows it",
    roster: "Roster {version}, signed on {day}",
};

const KOREAN: Texts = Texts {
    tag: "ko",
    fonts: "'Noto Sans CJK KR', 'Noto Sans KR', 'Malgun Gothic', 'Apple SD Gothic Neo', sans-serif",
    words: WordList::Korean,
    words_in_row: 6,
    subtitle: "제보하실 주소와, 정말 저희인지 확인하는 방법",
    address: "주소",
    how_onion: "Tor 브라우저에서만 여십시오. 링크를 누르지 말고 직접 입력하십시오. 나누어 적은 것은 \
                비교하기 쉽게 하려는 것이니, 입력하실 때는 띄어 쓰지 마십시오.",
    how_url: "이 종이에는 onion 주소가 없고 웹 주소만 있습니다. 그래도 Tor 브라우저로 여십시오. 다른 \
              브라우저로 열면 인터넷 회사가 접속 사실을 알 수 있습니다.",
    code: "QR 코드에도 같은 주소가 들어 있습니다. 복사해서 Tor 브라우저에 붙여 넣으시고, 다른 앱으로 \
           열거나 검색하지 마십시오.",
    check: "함정이 아닌지 확인하는 방법",
    checks: [
        "이 주소와 아래의 지문을, 믿을 수 있는 다른 곳에서 얻은 것(인쇄물, 저희 웹사이트, 아는 \
         사람)과 한 글자씩 비교해 보십시오. 하나라도 다르면 아무것도 보내지 마십시오.",
        "부탁하지도 않았는데 누군가 이 종이나 주소를 보내 왔다면, 제대로 된 것처럼 보여도 함정일 \
         수 있습니다. 다른 방법으로 주소를 찾아 확인하십시오.",
        "저희 제보 양식은 이름이나 전화번호, 계정을 절대로 묻지 않습니다. 그런 것을 묻는 페이지는 \
         닫으십시오.",
        "직장의 기기나 네트워크, 다른 사람과 함께 쓰는 기기는 사용하지 마십시오.",
        "신원이 절대 드러나지 않는다고 약속할 수 있는 사람은 없습니다. 쓰신 내용만으로도 누구인지 \
         짐작될 수 있습니다. 이 종이를 다른 사람이 볼 수 있는 곳에 두지 마십시오.",
    ],
    fingerprint: "언론사 열쇠의 지문",
    how_fingerprint: "제보 양식에도 나옵니다. 지문은 가짜 양식도 베낄 수 있으니, 반드시 주소도 함께 \
                      비교해 보십시오.",
    in_words: "낱말(BIP39)",
    in_hex: "16진수",
    in_openssh: "제보 양식에 나오는 형태",
    roster: "명부 제{version}판, {day} 서명",
};

const CHINESE_SIMPLIFIED: Texts = Texts {
    tag: "zh-Hans",
    fonts: "'Noto Sans CJK SC', 'Noto Sans SC', 'Microsoft YaHei', 'PingFang SC', sans-serif",
    words: WordList::ChineseSimplified,
    words_in_row: 12,
    subtitle: "提供线索的地址，以及如何确认对方真的是我们",
    address: "地址",
    how_onion: "只能用 Tor 浏览器打开。请自己输入，不要点击链接。分组是为了便于对照，输入时请不要加空格。",
    how_url: "这张纸上没有 onion 地址，只有普通网址。同样请用 Tor 浏览器打开，否则网络运营商能看到您访问了它。",
    code: "二维码里是同一个地址。请复制到 Tor 浏览器里，不要用其他应用打开或搜索。",
    check: "如何确认这不是圈套",
    checks: [
        "请把这个地址和下面的指纹，与您从别处得到的、信得过的一份逐字对照，例如印刷品、我们的网站，或您认识的人。只要有一处不同，就什么也不要发送。",
        "您没有索要，却有人把这张纸或这个地址发给您？那可能是圈套，即使看上去没有问题。请通过别的途径找到地址。",
        "我们的表单绝不会询问您的姓名、电话号码或账号。如果有页面询问这些，请关闭它。",
        "不要使用工作单位的设备或网络，也不要使用与别人共用的设备。",
        "谁也无法保证您绝不会被认出：您所写的内容本身就可能透露您是谁。请不要把这张纸放在别人可能看到的地方。",
    ],
    fingerprint: "媒体密钥指纹",
    how_fingerprint: "表单上也会显示。假表单同样可以照抄指纹，所以请务必同时对照地址。",
    in_words: "用字表示（BIP39）",
    in_hex: "十六进制",
    in_openssh: "表单上显示的形式",
    roster: "名册第 {version} 版，签署于 {day}",
};
