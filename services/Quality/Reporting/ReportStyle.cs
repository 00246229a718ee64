namespace Monitoring.Quality.Reporting;

/// <summary>The page's style sheet.</summary>
internal static class ReportStyle
{
    public const string Css = """
        :root{--bg:#f6f7f9;--card:#fff;--ink:#171b21;--soft:#5a6472;--line:#e3e7ec;--ref:#a3adba;--reff:#a3adba66;--data:#2563d9;--dataf:#2563d926;--harm:#b42323;--change:#955800;--fine:#1b7043;--track:#edf0f4}
        @media(prefers-color-scheme:dark){:root{--bg:#0f1216;--card:#171b21;--ink:#e8ebef;--soft:#9aa5b3;--line:#2a3038;--ref:#7a8593;--reff:#7a859355;--data:#73aaff;--dataf:#73aaff2b;--harm:#ff8078;--change:#f2b542;--fine:#5fcf8f;--track:#222830}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;-webkit-text-size-adjust:100%}
        main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}
        h1{font-size:32px;line-height:1.15;margin:2px 0 6px;letter-spacing:-.02em}
        h2{font-size:19px;margin:0 0 8px;letter-spacing:-.01em}
        h3{font-size:15.5px;margin:0 0 10px;overflow-wrap:anywhere}
        p{margin:0 0 10px}
        small{color:var(--soft);font-size:12.5px;font-weight:400}
        code{font-size:13px;background:var(--track);padding:1px 5px;border-radius:4px}
        section{margin-top:34px}
        header{background:var(--card);border:1px solid var(--line);border-left:6px solid var(--fine);border-radius:12px;padding:22px 24px 16px}
        header.harm{border-left-color:var(--harm)}header.change{border-left-color:var(--change)}
        header.harm h1{color:var(--harm)}header.change h1{color:var(--change)}header.fine h1{color:var(--fine)}
        .eyebrow{margin:0;color:var(--soft);font-size:12.5px;letter-spacing:.06em;text-transform:uppercase}
        .what{overflow-wrap:anywhere}.what span{color:var(--soft)}
        .what .d{color:var(--data)}.what .r{color:var(--soft)}
        .headlines{list-style:none;margin:14px 0 4px;padding:0}
        .headlines li{padding:7px 0 7px 24px;border-top:1px solid var(--line);position:relative;overflow-wrap:anywhere}
        .headlines li:before{content:"▲";position:absolute;left:2px;font-size:11px;top:9px;color:var(--change)}
        .headlines li.harm:before{content:"✕";color:var(--harm);font-weight:700;font-size:13px;top:7px}
        .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin-top:14px}
        .tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px;display:flex;flex-direction:column}
        .tile b{font-size:23px;line-height:1.25;font-variant-numeric:tabular-nums}
        .muted{color:var(--soft);max-width:72ch}
        .badge{font-size:12px;font-weight:600;padding:1px 8px;border-radius:99px;border:1px solid currentColor;white-space:nowrap}
        .badge.harm{color:var(--harm)}.badge.change{color:var(--change)}.badge.fine{color:var(--fine)}
        .measures{display:grid;grid-template-columns:repeat(auto-fill,minmax(290px,1fr));gap:12px}
        .measure,.card,.slice{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;min-width:0}
        .measure .name{font-weight:600;display:flex;justify-content:space-between;gap:8px}
        .measure .value b{font-size:23px;font-variant-numeric:tabular-nums}
        .beside{color:var(--soft);font-size:13px}
        svg{display:block;width:100%}
        .interval{height:34px;margin:4px 0}
        .interval line{stroke-width:3;stroke-linecap:round;vector-effect:non-scaling-stroke}
        line.r{stroke:var(--ref)}line.d{stroke:var(--data)}line.dot{stroke-width:4}
        line.goal{stroke:var(--harm);stroke-width:1.5;stroke-dasharray:4 3}
        .checks{list-style:none;margin:0;padding:0;background:var(--card);border:1px solid var(--line);border-radius:10px}
        .checks li{padding:9px 16px;border-top:1px solid var(--line);overflow-wrap:anywhere}.checks li:first-child{border-top:0}
        .checks .badge{margin-right:6px}
        .legend{color:var(--soft);font-size:13.5px}
        .legend i{display:inline-block;width:14px;height:10px;border-radius:2px;margin:0 3px 0 8px}.legend i:first-child{margin-left:0}
        i.r{background:var(--ref)}i.d{background:var(--data)}
        .cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:14px}
        .meter{display:grid;grid-template-columns:52px 1fr 58px;align-items:center;gap:8px;font-size:13px;margin:3px 0}
        .meter span{color:var(--soft)}.meter b{text-align:right;font-variant-numeric:tabular-nums}
        .meter div{height:8px;background:var(--track);border-radius:4px;overflow:hidden}.meter i{display:block;height:100%;background:var(--ink);border-radius:4px;opacity:.78}
        .histogram{height:104px;margin-top:12px;border-bottom:1px solid var(--line)}
        .histogram .r{fill:var(--reff);stroke:var(--ref);stroke-width:1;vector-effect:non-scaling-stroke}
        .histogram .d{fill:var(--dataf);stroke:var(--data);stroke-width:2;vector-effect:non-scaling-stroke}
        .axis{display:flex;justify-content:space-between;color:var(--soft);font-size:12px;font-variant-numeric:tabular-nums}
        .bars{display:grid;grid-template-columns:minmax(48px,auto) 1fr auto;gap:5px 10px;align-items:center;margin-top:12px;font-size:13px}
        .bars span{overflow-wrap:anywhere;max-width:130px}.bars small{font-size:12px;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
        .bars i,.pair i{display:block;height:7px;border-radius:2px;min-width:1px;margin:1px 0}
        .facts{color:var(--soft);font-size:12.5px;margin:10px 0 0}
        .slices{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:12px}
        .slice .name{font-weight:600;overflow-wrap:anywhere}.pair{margin:6px 0}.pair i{height:9px}
        details{margin-top:16px}summary{cursor:pointer;color:var(--soft)}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;width:100%;font-size:13.5px;margin-top:10px}
        th,td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}th:first-child,td:first-child{text-align:left;overflow-wrap:anywhere}
        th{color:var(--soft);font-weight:500}
        .method{max-width:78ch;margin-top:10px;color:var(--soft)}.method b{color:var(--ink)}
        @media(max-width:520px){main{padding:12px 12px 40px}h1{font-size:25px}header{padding:16px 16px 10px}.tiles{grid-template-columns:1fr 1fr;gap:8px}.tile{padding:10px 12px}.tile b{font-size:19px}.cards,.measures,.slices{grid-template-columns:1fr}}
        @media print{body{background:#fff}details{display:block}.card,.measure,.slice,header{break-inside:avoid}}
        """;
}
