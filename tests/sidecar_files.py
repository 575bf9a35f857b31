"""Sidecars as other programs write them, and what of a sidecar has a meaning."""

from xml.parsers import expat

XMP = "http://ns.adobe.com/xap/1.0/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
OURS = (f"{XMP} Rating", f"{XMP} Label")

LIGHTROOM = """<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 7.0-c000 1.000000">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
   tiff:Make="NIKON CORPORATION"
   tiff:Orientation="1"
   xmp:ModifyDate="2024-05-04T10:11:12.34"
   xmp:CreatorTool="Adobe Photoshop Lightroom Classic 13.2 (Macintosh)"
   xmp:MetadataDate="2024-05-05T20:00:01+02:00"
   photoshop:SidecarForExtension="NEF"
   xmpMM:DocumentID="xmp.did:0b9f"
   crs:Version="16.2"
   crs:Exposure2012="+0.35"
   crs:HasSettings="True">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Küste &amp; Meer</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>Orte|Küste</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <xmpMM:History>
    <rdf:Seq>
     <rdf:li
      stEvt:action="saved"
      stEvt:when="2024-05-05T20:00:01+02:00"
      stEvt:softwareAgent="Adobe Photoshop Lightroom Classic 13.2 (Macintosh)"/>
    </rdf:Seq>
   </xmpMM:History>
   <crs:ToneCurvePV2012>
    <rdf:Seq>
     <rdf:li>0, 0</rdf:li>
     <rdf:li>255, 255</rdf:li>
    </rdf:Seq>
   </crs:ToneCurvePV2012>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:exif="http://ns.adobe.com/exif/1.0/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"
    xmlns:darktable="http://darktable.sf.net/"
   exif:DateTimeOriginal="2024:05:04 10:11:12.340"
   xmp:Rating="2"
   xmpMM:DerivedFrom="IMG_1.JPG"
   darktable:import_timestamp="63931275318982447"
   darktable:change_timestamp="-1"
   darktable:export_timestamp="-1"
   darktable:print_timestamp="-1"
   darktable:xmp_version="5"
   darktable:raw_params="0"
   darktable:auto_presets_applied="1"
   darktable:history_end="3"
   darktable:iop_order_version="2">
   <darktable:masks_history>
    <rdf:Seq/>
   </darktable:masks_history>
   <darktable:history>
    <rdf:Seq>
     <rdf:li
      darktable:num="0"
      darktable:operation="colorin"
      darktable:enabled="1"
      darktable:modversion="7"
      darktable:params="gz48eJxjZBgFowABWAbaAaNgwAEAEDgABg=="
      darktable:multi_name=""
      darktable:multi_priority="0"
      darktable:blendop_version="11"
      darktable:blendop_params="gz14eJxjYIAACQYYOOHEgAZY0QVwggZ7CB6pfNoAAE8gGQg="/>
     <rdf:li
      darktable:num="1"
      darktable:operation="flip"
      darktable:enabled="1"
      darktable:modversion="2"
      darktable:params="ffffffff"
      darktable:multi_name=""
      darktable:multi_priority="0"
      darktable:blendop_version="11"
      darktable:blendop_params="gz14eJxjYIAACQYYOOHEgAZY0QVwggZ7CB6pfNoAAE8gGQg="/>
     <rdf:li
      darktable:num="2"
      darktable:operation="exposure"
      darktable:enabled="1"
      darktable:modversion="6"
      darktable:params="00000000000000000000003f00004842000080c000000000"
      darktable:multi_name=""
      darktable:multi_priority="0"
      darktable:blendop_version="11"
      darktable:blendop_params="gz14eJxjYIAACQYYOOHEgAZY0QVwggZ7CB6pfNoAAE8gGQg="/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""

DIGIKAM = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<!-- made by a tool of the user's own -->
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"
   digiKam:ColorLabel="3"
   digiKam:PickLabel="0"
   MicrosoftPhoto:Rating="25">
   <digiKam:TagsList>
    <rdf:Seq>
     <rdf:li>Familie/Zoë</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:xap="http://ns.adobe.com/xap/1.0/">
   <xap:CreatorTool>digiKam-8.3.0</xap:CreatorTool>
   <xap:Rating>2</xap:Rating>
   <xap:Label>Blue</xap:Label>
  </rdf:Description>
  <rdf:Description rdf:about="" xmlns:acdsee="http://ns.acdsee.com/iptc/1.0/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/" acdsee:rating="2">
   <lr:hierarchicalSubject><rdf:Bag><rdf:li>Familie|Zoë</rdf:li></rdf:Bag></lr:hierarchicalSubject>
   <acdsee:notes><![CDATA[a < b & c]]></acdsee:notes>
   <?keep this?>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""

ALL = {"lightroom": LIGHTROOM, "darktable": DARKTABLE, "digikam": DIGIKAM}


def meaning(xmp):
    """Everything of a sidecar that has a meaning but its rating and label, in order.

    Read by expat, since the library reads with libxml2.
    """
    parser, events = expat.ParserCreate(namespace_separator=" "), []
    parser.ordered_attributes = parser.buffer_text = True
    parser.StartElementHandler = lambda *event: events.append(("start", *_without_ours(*event)))
    parser.EndElementHandler = lambda *event: events.append(("end", *event))
    parser.StartNamespaceDeclHandler = lambda *event: events.append(("namespace", *event))
    parser.CharacterDataHandler = lambda text: events.append(("text", text))
    parser.CommentHandler = lambda text: events.append(("comment", text))
    parser.ProcessingInstructionHandler = lambda *event: events.append(("instruction", *event))
    parser.StartCdataSectionHandler = lambda: events.append(("cdata",))
    parser.XmlDeclHandler = lambda *event: events.append(("declaration", *event))
    parser.Parse(xmp, True)
    kept, inside = [], False
    for event in events:
        if event[0] == "start" and event[1] in OURS:
            inside = True
        if not inside and not (event[0] == "text" and not event[1].strip()):
            kept.append(event)
        if event[0] == "end" and event[1] in OURS:
            inside = False
    return kept


def _without_ours(name, attributes):
    pairs = zip(attributes[::2], attributes[1::2], strict=True)
    return name, [pair for pair in pairs if pair[0] not in OURS]
